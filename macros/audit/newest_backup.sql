{% macro newest_backup() %}
    {#- A scalar expression: the id of the newest listed backup that was not pruned; NULL if there is none. -#}
    {%- do return('(select backup_id from ' ~ audit_relation('backups') ~ ' where pruned_at is null order by taken_at desc limit 1)') -%}
{% endmacro %}
