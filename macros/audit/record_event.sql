{% macro record_event(event, table_name, detail) %}
    {#- Writes a line into `events`, at once. -#}
    {%- do run_query('insert into ' ~ audit_relation('events') ~ ' (event, table_name, detail) values (' ~ quote_text(event) ~ ', '
        ~ quote_text(table_name) ~ ', ' ~ quote_text(detail) ~ ')') -%}
{% endmacro %}
