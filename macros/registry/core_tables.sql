{% macro core_tables() %}
    {#- One place says which tables are core: `core_table: true` in the sources' meta, in whichever project they are. A
        list of {name, schema, identifier, relation, id, id_column, constraint, baseline}, by name; empty while dbt
        parses. -#}
    {%- set tables = [] -%}
    {%- for node in (graph.sources.values() if execute else []) | sort(attribute='name') if node.config.meta.get('core_table') -%}
        {%- set meta = node.config.meta -%}
        {%- set constraint = meta.get('constraint') or var('cms_id_constraint').replace('{table}', node.identifier) -%}
        {%- if node.name in tables | map(attribute='name') -%}
            {%- do exceptions.raise_compiler_error(
                'core_tables: two core tables are called ' ~ node.name ~ ': give one another name, and its own as identifier'
            ) -%}
        {%- endif -%}
        {%- do tables.append({
            'name': node.name,
            'schema': node.schema,
            'identifier': node.identifier,
            'relation': quote_name(node.schema) ~ '.' ~ quote_name(node.identifier),
            'id': quote_name(meta.get('id_column', 'id')),
            'id_column': meta.get('id_column', 'id'),
            'constraint': constraint,
            'baseline': baseline_rows(node.name),
        }) -%}
    {%- endfor -%}
    {%- if execute and not tables -%}
        {%- do exceptions.raise_compiler_error('core_tables: no source has core_table: true in its meta') -%}
    {%- endif -%}
    {%- do return(tables) -%}
{% endmacro %}
