{% macro gate_unchanged(tables, fingerprints, when) %}
    {#- Raises unless the fingerprints are those of the baseline and, where a backup is required, of the newest backup. -#}
do $cms_id$
declare
    differences text;
begin
    with recorded as (
        select
            'the baseline' as recorded_in,
            table_name,
            row_count,
            fingerprint_a,
            fingerprint_b
        from {{ audit_relation('baseline_tables') }}
        {%- if var('require_backup') %}

        union all

        select
            'backup ' || backup_id as recorded_in,
            t.table_name,
            b.row_count,
            b.fingerprint_a,
            b.fingerprint_b
        from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
        inner join {{ audit_relation('backup_tables') }} as b
            on t.schema_name = b.schema_name and t.relation_name = b.relation_name
        where b.backup_id = {{ newest_backup() }}
        {%- endif %}
    ),

    sources (recorded_in) as (
        select distinct recorded_in from recorded
    )

    select string_agg(format(
        '%s: %s rows now, %s in %s%s', live.table_name, live.row_count, coalesce(recorded.row_count::text, 'none'),
        sources.recorded_in, case when live.row_count = recorded.row_count then ', with other content' else '' end
    ), '; ' order by live.table_name)
    into differences
    from {{ fingerprints }} as live
    cross join sources
    left join recorded on live.table_name = recorded.table_name and sources.recorded_in = recorded.recorded_in
    where
        (live.row_count, live.fingerprint_a, live.fingerprint_b)
        is distinct from (recorded.row_count, recorded.fingerprint_a, recorded.fingerprint_b);

    if differences is not null or not exists (select 1 from {{ audit_relation('baseline_tables') }}) then
        raise exception 'rows were changed {{ when }}: %', coalesce(differences, 'there is no baseline')
            using hint = 'The transaction is rolled back; the database is as it was. Take the backup and the baseline again (cmsid backup, dbt snapshot), then run the same command.';
    end if;
end
$cms_id$
{% endmacro %}
