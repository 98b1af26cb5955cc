{% macro define_reading_again() %}
    {#- Self-contained. A function of the session's own that says whether a recorded definition of an object means what
        it has now. The server does not write an expression twice the same, once it has read its own spelling of it. So
        the recorded text goes through its parser: it is made anew under another name, written by the server, compared,
        and undone. What refers to a table's columns is made on an empty table that has the same ones or, where that
        does not do (it may read whole rows), on the table itself. It is `cms_id_reads_the_same(kind, name, recorded,
        present)`, for the end of a transaction that is rolled back. -#}
    {%- set name, empty = 'cms_id_read_again', 'pg_temp.cms_id_empty' -%}
select set_config(s.name, s.value, true) from ({{ value_settings() }}) as s (name, value);

create function pg_temp.cms_id_reads_the_same(kind text, name text, recorded text, present text) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
set check_function_bodies = off
set client_min_messages = error
as $cms_id_reading$
declare
    way record;
    before text;
    after text;
    written text;
begin
    for way in
        -- label: what stands before the expression; creation: the statement around it; reading: how it is then written
        with relations as materialized (
            select c.oid, c.relname, c.relkind, format('%I.%I', n.nspname, c.relname) as relation, format('%I', n.nspname) as schema_name
            from pg_class as c
            inner join pg_namespace as n on c.relnamespace = n.oid
        )

        select
            '' as label,
            pg_get_viewdef(r.oid) as expression,
            null::text as columns_of,
            'create view pg_temp.{{ name }} as ' as creation,
            '' as creation_end,
            'select pg_get_viewdef(''pg_temp.{{ name }}''::regclass)' as reading
        from relations as r
        where $1 in ('view', 'materialized view') and r.relkind in ('v', 'm') and r.relation = $2

        union all

        select
            'partition by ',
            pg_get_partkeydef(r.oid),
            null,
            format('create table pg_temp.{{ name }} (like %s) partition by ', r.relation),
            '',
            'select pg_get_partkeydef(''pg_temp.{{ name }}''::regclass)'
        from relations as r
        where $1 = 'partitioned table' and r.relkind = 'p' and r.relation = $2

        union all

        select
            case a.attgenerated when 's' then 'generated stored ' when 'v' then 'generated virtual ' else 'default ' end,
            pg_get_expr(d.adbin, d.adrelid),
            r.relation,
            format('alter table {{ empty }} add column {{ name }} %s', format_type(a.atttypid, a.atttypmod))
            || coalesce(' collate ' || nullif(a.attcollation, 0)::regcollation::text, '')
            || case when a.attgenerated = '' then ' default (' else ' generated always as (' end,
            case a.attgenerated when 's' then ') stored' when 'v' then ') virtual' else ')' end,
            'select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = ''{{ empty }}''::regclass'
        from relations as r
        inner join pg_attribute as a on r.oid = a.attrelid
        inner join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
        where $1 = 'column' and r.relation || format('.%I', a.attname) = $2

        union all

        select
            '',
            pg_get_constraintdef(k.oid),
            case on_empty when 1 then r.relation end,
            format('alter table %s add constraint {{ name }} ', case on_empty when 1 then '{{ empty }}' else r.relation end),
            case when on_empty = 0 and pg_get_constraintdef(k.oid) !~ ' NOT (VALID|ENFORCED)$' then ' not valid' else '' end,
            'select regexp_replace(pg_get_constraintdef(oid), '
            || case when pg_get_constraintdef(k.oid) ~ ' NOT VALID$' then '''^$''' else ''' NOT VALID$''' end
            || format(
                ', '''') from pg_constraint where conname = ''{{ name }}'' and conrelid = %L::regclass',
                case on_empty when 1 then '{{ empty }}' else r.relation end
            )
        from relations as r
        inner join pg_constraint as k on r.oid = k.conrelid
        cross join (values (1), (0)) as ways (on_empty)
        where
            $1 = 'constraint' and r.relation || format('.%I', k.conname) = $2
            and (k.contype = 'c' or (k.contype = 'x' and on_empty = 1))

        union all

        select
            '',
            pg_get_constraintdef(k.oid),
            null,
            format('alter domain %s add constraint {{ name }} ', t.oid::regtype),
            case when pg_get_constraintdef(k.oid) !~ ' NOT VALID$' then ' not valid' else '' end,
            'select regexp_replace(pg_get_constraintdef(oid), '
            || case when pg_get_constraintdef(k.oid) ~ ' NOT VALID$' then '''^$''' else ''' NOT VALID$''' end
            || format(', '''') from pg_constraint where conname = ''{{ name }}'' and contypid = %s', t.oid)
        from pg_constraint as k
        inner join pg_type as t on k.contypid = t.oid
        inner join pg_namespace as n on t.typnamespace = n.oid
        where $1 = 'constraint' and k.contype = 'c' and format('%I.%I.%I', n.nspname, t.typname, k.conname) = $2

        union all

        select
            'default ',
            t.typdefault,
            null,
            format('alter domain %s set default ', t.oid::regtype),
            '',
            format('select typdefault from pg_type where oid = %s', t.oid)
        from pg_type as t
        inner join pg_namespace as n on t.typnamespace = n.oid
        where $1 = 'domain' and t.typtype = 'd' and format('%I.%I', n.nspname, t.typname) = $2

        union all

        select
            beginning,
            substr(pg_get_indexdef(i.indexrelid), length(beginning) + 1),
            case on_empty when 1 then t.relation end,
            format('create %sindex {{ name }} on %s ', case when i.indisunique then 'unique ' else '' end, case on_empty when 1 then '{{ empty }}' else t.relation end),
            '',
            format(
                'select substr(definition, strpos(definition, ''USING '')) from pg_get_indexdef(''%s.{{ name }}''::regclass) as definition',
                case on_empty when 1 then 'pg_temp' else r.schema_name end
            )
        from relations as r
        inner join pg_index as i on r.oid = i.indexrelid
        inner join relations as t on i.indrelid = t.oid
        cross join (values (1), (0)) as ways (on_empty)
        cross join lateral format(
            'CREATE %sINDEX %I ON %s%s ',
            case when i.indisunique then 'UNIQUE ' else '' end, r.relname, case when r.relkind = 'I' then 'ONLY ' else '' end, t.relation
        ) as beginning
        where $1 = 'index' and r.relation = $2

        union all

        select
            beginning,
            substr(pg_get_triggerdef(g.oid), length(beginning) + 1),
            null,
            replace(beginning, format('TRIGGER %I ', g.tgname), 'TRIGGER {{ name }} '),
            '',
            format(
                'select substr(pg_get_triggerdef(oid), %s) from pg_trigger where tgname = ''{{ name }}'' and tgrelid = %s',
                length(beginning) + length('{{ name }}') - length(quote_ident(g.tgname)) + 1, r.oid
            )
        from relations as r
        inner join pg_trigger as g on r.oid = g.tgrelid and not g.tgisinternal
        cross join lateral format(
            'CREATE %sTRIGGER %I ', case when g.tgconstraint <> 0 then 'CONSTRAINT ' else '' end, g.tgname
        ) as beginning
        where $1 = 'trigger' and r.relation || format('.%I', g.tgname) = $2

        union all

        select
            format('CREATE RULE %I AS', w.rulename),
            substr(pg_get_ruledef(w.oid), length(format('CREATE RULE %I AS', w.rulename)) + 1),
            null,
            'create rule {{ name }} as',
            '',
            format(
                'select substr(pg_get_ruledef(oid), %s) from pg_rewrite where rulename = ''{{ name }}'' and ev_class = %s',
                length('CREATE RULE {{ name }} AS') + 1, r.oid
            )
        from relations as r
        inner join pg_rewrite as w on r.oid = w.ev_class
        where $1 = 'rule' and r.relation || format('.%I', w.rulename) = $2

        union all

        select
            '',
            concat_ws(
                ' ', 'using (' || pg_get_expr(p.polqual, p.polrelid) || ')', 'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
            ),
            null,
            format(
                'create policy {{ name }} on %s for %s to public ', r.relation,
                case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end
            ),
            '',
            'select concat_ws('' '', ''using ('' || pg_get_expr(polqual, polrelid) || '')'', ''with check ('' || pg_get_expr(polwithcheck, polrelid) || '')'')'
            || format(' from pg_policy where polname = ''{{ name }}'' and polrelid = %s', r.oid)
        from relations as r
        inner join pg_policy as p on r.oid = p.polrelid
        where $1 = 'policy' and r.relation || format('.%I', p.polname) = $2

        union all

        select
            format('CREATE STATISTICS %s ', $2),
            substr(pg_get_statisticsobjdef(s.oid), length(format('CREATE STATISTICS %s ', $2)) + 1),
            null,
            format('create statistics %I.{{ name }} ', n.nspname),
            '',
            format(
                'select substr(pg_get_statisticsobjdef(oid), %s) from pg_statistic_ext where stxname = ''{{ name }}'' and stxnamespace = %s',
                length(format('CREATE STATISTICS %I.{{ name }} ', n.nspname)) + 1, n.oid
            )
        from pg_statistic_ext as s
        inner join pg_namespace as n on s.stxnamespace = n.oid
        where $1 = 'statistics' and format('%I.%I', n.nspname, s.stxname) = $2

        union all

        select
            '',
            pg_get_functiondef(f.oid),
            null,
            '',
            '',
            format('select pg_get_functiondef(%s)', f.oid)
        from pg_proc as f
        inner join pg_namespace as n on f.pronamespace = n.oid
        where
            $1 in ('function', 'procedure') and f.prokind <> 'a'
            and format('%I.%I(%s)', n.nspname, f.proname, pg_get_function_identity_arguments(f.oid)) = $2
    loop
        before := left(present, strpos(present, way.label || way.expression) - 1 + length(way.label));
        after := substr(present, length(before || way.expression) + 1);
        -- whatever is besides the expression has to be the same to the letter
        continue when
            before || way.expression || after is distinct from present
            or not starts_with(recorded, before)
            or right(recorded, length(after)) <> after
            or length(recorded) < length(before || after);
        begin
            if way.columns_of is not null then
                execute format('create temporary table cms_id_empty (like %s)', way.columns_of);
            end if;
            execute way.creation || substr(recorded, length(before) + 1, length(recorded) - length(before || after)) || way.creation_end;
            execute way.reading into written;
            raise sqlstate 'CMSID';
        exception
            when sqlstate 'CMSID' then
                if written = way.expression then
                    return true;
                end if;
            when others then
                null;
        end;
    end loop;
    return false;
end
$cms_id_reading$
{% endmacro %}
