{% macro migration_backup() %}
    {#- The backup that the migration in force was gated by; none if it needed none, or if there is no migration. -#}
    {%- if not audit_table_exists('migrations') -%}{%- do return(none) -%}{%- endif -%}
    {%- set query -%}
        select max(backup_id)
        from {{ audit_relation('migrations') }}
        where state not in ('undone', 'abandoned')
    {%- endset -%}
    {%- do return(run_query(query).columns[0][0]) -%}
{% endmacro %}
