{% macro cms_id_columns(tables) %}
    {#- {table name: {type, constraint, valid}}; a table without cms_id is absent. -#}
    {%- set found = {} -%}
    {%- for row in run_query(cms_id_catalogue_query(tables)).rows if row['column_exists'] -%}
        {%- do found.update({row['table_name']: {
            'type': row['column_type'],
            'constraint': row['constraint_name'],
            'valid': row['constraint_valid'],
        }}) -%}
    {%- endfor -%}
    {%- do return(found) -%}
{% endmacro %}
