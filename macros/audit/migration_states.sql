{% macro migration_states() %}
    {#- {table name: state of its newest migration}; a table that never began is absent. -#}
    {%- set states = {} -%}
    {%- if audit_table_exists('migrations') -%}
        {%- set newest -%}
            select distinct on (table_name) table_name, state
            from {{ audit_relation('migrations') }}
            order by table_name, migration_id desc
        {%- endset -%}
        {%- for row in run_query(newest).rows -%}
            {%- do states.update({row[0]: row[1]}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(states) -%}
{% endmacro %}
