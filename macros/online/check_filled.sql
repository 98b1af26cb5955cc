{% macro check_filled(table) %}
    {#- Raises unless every row that was marked is accounted for. A row that is filled or deleted loses the mark, and nothing
        else does; so where none has it, none was forgotten, and the difference between marked and filled was deleted. -#}
do $cms_id$
declare
    migration {{ audit_relation('migrations') }};
    still_marked bigint;
    with_cms_id bigint;
    in_batches bigint;
begin
    select * into strict migration from {{ audit_relation('migrations') }} where {{ open_migration_of(table) }};
    select
        count(*) filter (where cms_id = migration.mark),
        count(*) filter (where cms_id = {{ table.id }})
    into still_marked, with_cms_id
    from only {{ table.relation }};
    select coalesce(sum(row_count), 0) into in_batches
    from {{ audit_relation('batches') }} as b
    where b.migration_id = migration.migration_id and b.table_name = migration.table_name;
    if still_marked > 0 or in_batches <> migration.rows_filled or migration.rows_filled > migration.rows_at_cut_over then
        raise exception '% is not filled: % rows had the mark, % were filled, % by the record of batches, % still have it',
            migration.table_name, migration.rows_at_cut_over, migration.rows_filled, in_batches, still_marked
            using hint = 'Everything done so far is kept; run the same command again.';
    end if;
    insert into {{ audit_relation('events') }} (event, table_name, detail)
    values ('backfilled', migration.table_name, format(
        '%s rows had the mark, %s were filled, %s were deleted by other sessions before; %s rows have cms_id = id now',
        migration.rows_at_cut_over, migration.rows_filled, migration.rows_at_cut_over - migration.rows_filled, with_cms_id
    ));
end
$cms_id$
{%- endmacro %}
