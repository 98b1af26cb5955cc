{% macro chain_not_seen(chain) %}
    {#- not_seen for what a chain's links follow from: its core tables, and of its other tables the columns that are kept, which are
        compared with their copies now, by number and fingerprint. -#}
    {%- set core, conditions = [], [] -%}
    {%- for node in model_sources(chain) -%}
        {%- if node.config.meta.get('core_table') -%}
            {%- do core.append(node.name) -%}
        {%- else -%}
            {%- set columns = [] -%}
            {%- for column in node.config.meta.get('chain_columns', []) -%}{%- do columns.append({'hashed': quote_name(column)}) -%}{%- endfor -%}
            {%- if not columns -%}{%- do return('true') -%}{%- endif -%}
            {%- do conditions.append(
                'exists (' ~ fingerprint_query(quote_name(node.schema) ~ '.' ~ quote_name(node.identifier), columns)
                ~ '\nexcept\n' ~ fingerprint_query(baseline_rows(node.name), columns) ~ ')'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set unless_seen = not_seen(core) if core else 'true' -%}
    {%- do return('(' ~ ([unless_seen] + conditions) | join('\nor ') ~ ')' if unless_seen != 'true' else unless_seen) -%}
{% endmacro %}
