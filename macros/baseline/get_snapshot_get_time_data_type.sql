{% macro get_snapshot_get_time_data_type() %}
    {#- dbt's own macro of this name asks dbt's own clock, whose type is another than that of ours, and warns of that. -#}
    {%- do return(get_column_schema_from_query('select ' ~ snapshot_get_time() ~ ' as moment')[0].dtype) -%}
{% endmacro %}
