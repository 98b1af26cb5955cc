{% macro keep_rows(into, columns, from_item) %}
    {#- A typed copy of rows, in place of an earlier one. -#}
    {%- do run_query('drop table if exists ' ~ into) -%}
    {%- do run_query('create table ' ~ into ~ ' as select ' ~ columns | join(', ') ~ ' from ' ~ from_item) -%}
{% endmacro %}
