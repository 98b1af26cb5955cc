{% macro _trigger_objects() %}
    {#- Triggers, rules, policies and event triggers. A part of catalogue_objects. -#}
select
    'trigger',
    r.relation_name || '.' || quote_ident(t.tgname),
    pg_get_triggerdef(t.oid)
    || case t.tgenabled when 'D' then ', disabled' when 'A' then ', enabled always' when 'R' then ', enabled on replica' else '' end
from pg_catalog.pg_trigger as t
inner join relations as r on t.tgrelid = r.oid
where not t.tgisinternal

union all

select
    'rule',
    r.relation_name || '.' || quote_ident(w.rulename),
    pg_get_ruledef(w.oid)
    || case w.ev_enabled when 'D' then ', disabled' when 'A' then ', enabled always' when 'R' then ', enabled on replica' else '' end
from pg_catalog.pg_rewrite as w
inner join relations as r on w.ev_class = r.oid
where w.rulename <> '_RETURN'

union all

select
    'policy',
    r.relation_name || '.' || quote_ident(p.polname),
    concat_ws(
        ' ',
        case when p.polpermissive then 'permissive' else 'restrictive' end,
        'for',
        case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        'to',
        (
            select string_agg(case role_id when 0 then 'PUBLIC' else quote_ident(pg_get_userbyid(role_id)) end, ' ' order by role_id)
            from unnest(p.polroles) as role_id
        ),
        'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
        'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'
    )
from pg_catalog.pg_policy as p
inner join relations as r on p.polrelid = r.oid

union all

select
    'event trigger',
    quote_ident(t.evtname),
    concat_ws(
        ', ', t.evtevent, 'owner ' || pg_get_userbyid(t.evtowner), t.evtfoid::regprocedure::text, 'enabled ' || t.evtenabled::text,
        array_to_string(t.evttags, ' ')
    )
from pg_catalog.pg_event_trigger as t
where not exists (
    select 1
    from members as m
    where m.classid = 'pg_catalog.pg_event_trigger'::regclass and m.objid = t.oid
)
{% endmacro %}
