{% macro snapshot_baseline_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
    {#- dbt's snapshot strategy for a baseline: every column that the snapshot holds is compared, NULL-safe and typed,
        and the version key is a plain text instead of an md5, which halves the time of a large snapshot; in a sub-query,
        the moment becomes text once, not for each row. -#}
    {%- set key = config.get('unique_key') -%}
    {%- set changed = [] -%}
    {%- if target_exists -%}
        {%- set held = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
        {%- for column in adapter.get_columns_in_relation(held) if not column.name.startswith('dbt_') -%}
            {%- set name = quote_name(column.name) -%}
            {%- do changed.append(snapshotted_rel ~ '.' ~ name ~ ' is distinct from ' ~ current_rel ~ '.' ~ name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return({
        'unique_key': key,
        'updated_at': snapshot_get_time(),
        'row_changed': '(' ~ (changed | join(' or ') or 'false') ~ ')',
        'scd_id': "(" ~ key ~ "::text || '@' || (select statement_timestamp()::text))",
        'hard_deletes': adapter.get_hard_deletes_behavior(config),
    }) -%}
{% endmacro %}
