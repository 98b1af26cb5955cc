{% macro gate_unchanged(tables, fingerprints, when) %}
    {#- Raises unless the fingerprints are those of the baseline and, where a backup is required, of the newest backup.
        What these lack differs too: nothing recorded is never the same as nothing changed. `when` says in the message
        when they would have changed. -#}
do $cms_id$
declare
    differences text;
begin
    with records as (
        select 'the baseline' as recorded_in
        {%- if var('require_backup') %}

        union all

        select coalesce('backup ' || {{ newest_backup() }}, 'a backup') as recorded_in
        {%- endif %}
    ),

    recorded as (
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
            'backup ' || b.backup_id as recorded_in,
            t.table_name,
            b.row_count,
            b.fingerprint_a,
            b.fingerprint_b
        from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
        inner join {{ audit_relation('backup_tables') }} as b
            on t.schema_name = b.schema_name and t.relation_name = b.relation_name
        where b.backup_id = {{ newest_backup() }}
        {%- endif %}
    )

    select string_agg(format(
        '%s: %s rows now, %s in %s%s', live.table_name, live.row_count, coalesce(recorded.row_count::text, 'none'),
        records.recorded_in, case when live.row_count = recorded.row_count then ', with other content' else '' end
    ), '; ' order by live.table_name, records.recorded_in)
    into differences
    from {{ fingerprints }} as live
    cross join records
    left join recorded on live.table_name = recorded.table_name and records.recorded_in = recorded.recorded_in
    where
        {{ fingerprint_change('recorded', 'live') | indent(8) }};

    if differences is not null then
        raise exception 'rows were changed {{ when }}: %', differences
            using hint = 'The transaction is rolled back; the database is as it was. Take the backup and the baseline again (cmsid backup, dbt snapshot), then run the same command.';
    end if;
end
$cms_id$
{% endmacro %}
