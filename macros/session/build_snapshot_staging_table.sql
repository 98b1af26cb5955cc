{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
    {#- dbt's own macro of this name, which leaves its temporary table, with rows of the registry, to the end of the session. A pooler
        keeps sessions. Here it goes with the transaction, which dbt ends when the snapshot has taken its rows. -#}
    {%- set temporary = make_temp_relation(target_relation) -%}
    {%- set select = snapshot_staging_table(strategy, sql, target_relation) -%}
    {%- call statement('build_snapshot_staging_relation') -%}
        create temporary table {{ temporary }} on commit drop as ({{ select }})
    {%- endcall -%}
    {%- do return(temporary) -%}
{% endmacro %}
