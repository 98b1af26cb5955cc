{% macro half_done_tables() %}
    {#- The tables of the newest online migration, if any of them is unfinished. -#}
    {%- set names = [] -%}
    {%- if audit_table_exists('migrations') -%}
        {%- set query -%}
            select table_name
            from {{ audit_relation('migrations') }}
            where
                mode = 'online'
                and state not in ('undone', 'abandoned')
                and migration_id = ({{ open_migration_query(target.schema) | indent(16) }})
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {%- do names.append(row[0]) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(core_tables() | selectattr('name', 'in', names) | list) -%}
{% endmacro %}
