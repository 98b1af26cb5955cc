{% macro newest_backup() %}
    {%- do return('(select backup_id from ' ~ audit_relation('backups') ~ ' where pruned_at is null order by taken_at desc limit 1)') -%}
{% endmacro %}
