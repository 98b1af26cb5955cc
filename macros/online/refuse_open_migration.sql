{% macro refuse_open_migration(tables) %}
    {#- Window mode cannot finish what online mode began. -#}
    {%- set states = migration_states() -%}
    {%- set open = [] -%}
    {%- for table in tables if states.get(table.name) in open_states() -%}
        {%- do open.append(table.name ~ ' is ' ~ states[table.name]) -%}
    {%- endfor -%}
    {%- if open -%}
        {%- do exceptions.raise_compiler_error(
            'add_cms_id: an online migration is half-way (' ~ open | join(', ')
            ~ '). Nothing was changed: finish it with dbt run-operation add_cms_id --args \'{mode: online}\','
            ~ ' or remove it with dbt run-operation abandon_cms_id.'
        ) -%}
    {%- endif -%}
{% endmacro %}
