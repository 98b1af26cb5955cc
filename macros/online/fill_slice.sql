{% macro fill_slice(table, columns, restated) %}
    {#- Fills batches for about a second and leaves the cursor behind them; sent again until the table is `backfilled`.
        Each batch is a transaction: rows, cursor and record together, so a crash takes all three back. It need not wait for
        the disk for the same reason. A batch is as large as batch_milliseconds allow, since a writer who wants one of its
        rows waits as long; and it waits no longer than online_lock_timeout for a row that a writer holds.
        A range of ids is filled in several batches that each take rows from all over its pages. Where pages are full, the
        first one moves its rows elsewhere, which writes to every index; once it has committed, the room they left is free,
        and the rows of the others stay in their page, which writes to none. That halves WAL and growth. Rows are read by
        the index, since that frees such room and a read by place does not, and updated by their place, which is quicker.
        `restated` are columns that are set to what they are, for the sake of their indexes: see restated_columns.
        That it changes no other column is proven by the fingerprint of its rows before and after. Where a writer came
        between the two, the batch is rolled back and done again with its rows locked first. The hashes are bigints, whose
        sum is a numeric: exact, however many. Where triggers may fire (allow_update_triggers), the batch records how many
        of its rows they changed, and in which columns.
        Before each batch it looks for what people ask: it ends at a pause, or when the pace is another. The rest of its second it
        waits, holding nothing, if by its pace it has done enough. -#}
    {%- set hash = 'hashint8extended(hash_record_extended(row(' ~ columns | map(attribute='hashed') | join(', ') ~ '), 1), 1)' -%}
    {%- set relation = table.relation -%}
    {%- set assignments = ['cms_id = ' ~ table.id] -%}
    {%- for column in restated -%}{%- do assignments.append(column ~ ' = ' ~ column) -%}{%- endfor -%}
    {%- set rows_in_batch -%}
{{ table.id }} > step.after_id and {{ table.id }} <= step.up_to_id and hashint8({{ table.id }}) & (step.parts - 1) = step.part and cms_id = step.mark
    {%- endset -%}
do $cms_id$
#variable_conflict use_column
<<step>>
declare
    parts constant integer := 8; -- a power of two
    slice_began constant timestamptz := clock_timestamp();
    paused boolean;
    pace_asked bigint;
    pace bigint;
    rows_left bigint;
    batch_rows integer := least({{ var('batch_size') | int }}, coalesce(nullif(current_setting('cms_id.batch_rows', true), '')::integer, 1000));
    migration {{ audit_relation('migrations') }};
    mark bigint;
    after_id bigint;
    up_to_id bigint;
    rows_expected bigint;
    rows_touched bigint;
    places tid[];
    fingerprint_before numeric;
    fingerprint_after numeric;
    {%- if var('allow_update_triggers') %}
    rows_before {{ relation }}[];
    {%- endif %}
    rows_rewritten bigint := 0;
    columns_rewritten text[] := '{}';
    part integer := 0;
    ranged boolean := false;
    longest double precision := 0;
    fullest bigint := 0;
    began timestamptz;
    held double precision; -- milliseconds, at most, of any batch
    attempt integer := 0;
    lock_first boolean := false;
    failed boolean;
    failure text;
begin
    loop
        began := clock_timestamp();
        select
            coalesce(bool_or(c.action = 'pause'), false),
            coalesce(max(c.rows_per_second), {{ var('rows_per_second') | int }})
        into step.paused, step.pace_asked
        from ({{ controls_in_force(target.schema) | indent(12) }}) as c;
        if pace is null then
            pace := pace_asked;
            rows_left := nullif(pace, 0);
        end if;
        exit when paused or pace <> pace_asked;
        failed := false;
        perform set_config('synchronous_commit', 'off', true);
        perform set_config('enable_seqscan', 'off', true);
        perform set_config('enable_tidscan', 'on', true);
        begin
            perform set_config('lock_timeout', {{ quote_text(var('online_lock_timeout')) }}, true);
            select * into step.migration
            from {{ audit_relation('migrations') }}
            where {{ open_migration_of(table) }}
            for update;
            exit when step.migration.state is distinct from 'marked';
            step.mark := step.migration.mark;
            step.after_id := coalesce(step.migration.cursor_id, step.mark);
            if not step.ranged then
                step.ranged := true;
                step.longest := 0;
                step.fullest := 0;
                -- within a range it only becomes narrower, since the parts before are filled no further
                select least(max(k.key), case when step.part > 0 then step.up_to_id end) into step.up_to_id
                from (
                    select {{ table.id }} as key
                    from only {{ relation }}
                    where {{ table.id }} > step.after_id
                    order by {{ table.id }}
                    limit least(step.batch_rows * step.parts, step.rows_left)
                ) as k;
            end if;
            if step.up_to_id is null then
                perform set_config('enable_seqscan', 'on', true);
                if not exists (select 1 from only {{ relation }} where cms_id = step.mark) then
                    update {{ audit_relation('migrations') }} as m
                    set state = 'backfilled', cursor_id = null
                    where m.migration_id = step.migration.migration_id and m.table_name = step.migration.table_name;
                elsif current_setting('cms_id.filled_when_pass_began', true) = concat_ws(' ', step.migration.migration_id, step.migration.table_name, step.migration.rows_filled) then
                    raise exception 'rows of % keep the mark, however often they are filled', step.migration.table_name
                        using hint = 'Look for a rule or trigger that keeps cms_id as it is. Everything done so far is kept.';
                else
                    -- a writer changed the id of a row to one that the cursor had passed
                    perform set_config('cms_id.filled_when_pass_began', concat_ws(' ', step.migration.migration_id, step.migration.table_name, step.migration.rows_filled), false);
                    update {{ audit_relation('migrations') }} as m
                    set cursor_id = null
                    where m.migration_id = step.migration.migration_id and m.table_name = step.migration.table_name;
                end if;
                step.rows_touched := 0;
            else
                if step.lock_first then
                    perform 1 from only {{ relation }} where {{ rows_in_batch }} order by {{ table.id }} for no key update;
                end if;
                select
                    count(*),
                    coalesce(sum({{ hash }}), 0),
                    array_agg(ctid){{ ',
                    array_agg("cms_id row")' if var('allow_update_triggers') }}
                into step.rows_expected, step.fingerprint_before, step.places{{ ', step.rows_before' if var('allow_update_triggers') }}
                from only {{ relation }} as "cms_id row"
                where {{ rows_in_batch }};
                with filled as (
                    update only {{ relation }}
                    set {{ assignments | join(', ') }}
                    where ctid = any(step.places) and cms_id = step.mark
                    returning {{ hash }} as fingerprint
                )

                select
                    count(*),
                    coalesce(sum(f.fingerprint), 0)
                into step.rows_touched, step.fingerprint_after
                from filled as f;
                {%- if restated %}
                -- behind the update, whose lock lets no trigger be made any more
                if exists (
                    select 1
                    from pg_catalog.pg_trigger as g
                    inner join pg_catalog.pg_attribute as a on g.tgrelid = a.attrelid and a.attnum = any(g.tgattr)
                    where g.tgrelid = {{ quote_text(relation) }}::regclass and quote_ident(a.attname) in ({% for column in restated %}{{ quote_text(column) }}{{ ', ' if not loop.last }}{% endfor %})
                ) then
                    raise exception 'a trigger was made on %, for a column that the filling names', {{ quote_text(table.name) }}
                        using hint = 'Run the same command again: it leaves that column out. Everything done so far is kept.';
                end if;
                {%- endif %}
                {%- if var('allow_update_triggers') %}
                -- read again, since a trigger that fires after the update is not seen by `returning`
                select
                    count(distinct kept.{{ table.id }}),
                    coalesce(array_agg(distinct d.column_name), '{}')
                into step.rows_rewritten, step.columns_rewritten
                from unnest(step.rows_before) as kept
                inner join only {{ relation }} as live on kept.{{ table.id }} = live.{{ table.id }}
                cross join lateral (values {% for column in columns %}({{ quote_text(column.name) }}, {{ column.comparable.replace('{}', 'kept', 1) }} is distinct from {{ column.comparable.replace('{}', 'live', 1) }}){{ ', ' if not loop.last }}{% endfor %}) as d (column_name, differs)
                where d.differs;
                {%- endif %}
                if step.rows_touched <> step.rows_expected{{ ' or step.fingerprint_before <> step.fingerprint_after' if not var('allow_update_triggers') }} then
                    if not step.lock_first then
                        raise serialization_failure using message = 'a writer came between';
                    end if;
                    raise exception 'filling cms_id in % between the ids % and %: % rows expected, % touched%',
                        step.migration.table_name, step.after_id, step.up_to_id, step.rows_expected, step.rows_touched,
                        case when step.fingerprint_before <> step.fingerprint_after then ', and other columns changed' else '' end
                        using hint = 'This batch is rolled back, the ones before are kept. Look for a trigger or rule on the table.';
                end if;
                update {{ audit_relation('migrations') }} as m
                set
                    cursor_id = case when step.part = step.parts - 1 then step.up_to_id else m.cursor_id end,
                    rows_filled = m.rows_filled + step.rows_touched
                where m.migration_id = step.migration.migration_id and m.table_name = step.migration.table_name;
                if step.rows_touched > 0 then
                    insert into {{ audit_relation('batches') }} (
                        migration_id, table_name, after_id, up_to_id, row_count, fingerprint_before, fingerprint_after,
                        rows_rewritten, columns_rewritten
                    )
                    values (
                        step.migration.migration_id, step.migration.table_name, step.after_id, step.up_to_id,
                        step.rows_touched, step.fingerprint_before, step.fingerprint_after,
                        step.rows_rewritten, step.columns_rewritten
                    );
                end if;
            end if;
        exception when lock_not_available or deadlock_detected or serialization_failure then
            failed := true;
            failure := sqlerrm;
        end;
        if failed then
            attempt := attempt + 1;
            lock_first := true;
            batch_rows := greatest(1, batch_rows / 4);
            ranged := false;
            if attempt >= {{ var('online_lock_attempts') | int }} then
                raise exception 'rows of % could not be filled in % attempts (%); it may be one of these: %',
                    step.migration.table_name, attempt, failure, coalesce(({{ blocking_sessions([table], [
                        'RowShareLock', 'RowExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'
                    ]) | indent(20) }}), 'the session in the way has gone')
                    using errcode = 'lock_not_available',
                    hint = 'Everything done so far is kept. End that session or wait for it, then run the same command again.';
            end if;
            commit;
            perform pg_sleep(random() * 0.1 * least(attempt, 10));
            continue; -- whatever the time: the next slice would begin to count attempts anew
        end if;
        if held is null then
            perform {{ note_locks(table.name, table.name ~ ': fill', 'began') }};
        end if;
        commit;
        held := greatest(held, extract(epoch from clock_timestamp() - began) * 1000);
        attempt := 0;
        lock_first := false;
        rows_left := rows_left - rows_touched;
        if up_to_id is null then
            ranged := false;
            continue;
        end if;
        longest := greatest(longest, extract(epoch from clock_timestamp() - began) * 1000);
        fullest := greatest(fullest, rows_touched);
        part := (part + 1) % parts;
        continue when part > 0 and longest <= {{ 2 * var('batch_milliseconds') | int }};
        ranged := false;
        batch_rows := greatest(1, least(
            {{ var('batch_size') | int }},
            batch_rows * least(
                case when fullest > batch_rows / 2 then 2 else 1 end, -- batches that were nearly empty say nothing of full ones
                greatest(0.5, {{ var('batch_milliseconds') | int }} / greatest(0.1, longest))
            )
        ))::integer;
        exit when rows_left <= 0 or clock_timestamp() > slice_began + interval '1 s';
    end loop;
    perform set_config('cms_id.batch_rows', batch_rows::text, false);
    perform set_config('synchronous_commit', 'off', true);
    update {{ audit_relation('locks') }} as l
    set
        released_at = clock_timestamp(),
        longest_held = greatest(l.longest_held, step.held * interval '1 ms')
    where l.began_at = current_setting('cms_id.ledger')::timestamptz and l.step = {{ quote_text(table.name ~ ': fill') }} and step.held is not null;
    if pace > 0 then
        commit;
        perform pg_sleep(greatest(0, least(1, (pace - rows_left)::double precision / pace - extract(epoch from clock_timestamp() - slice_began))));
    end if;
end
$cms_id$
{%- endmacro %}
