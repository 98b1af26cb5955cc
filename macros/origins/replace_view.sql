{% macro replace_view(view, sql) %}
    {#- One statement: the view anew, with the grants and options that it has. Only where the server cannot replace it, because
        a column is gone or another, is it dropped: never with what stands on it, which the server then names. -#}
do $cms_id$
declare
    found constant regclass := to_regclass({{ quote_text(view) }});
    options constant text := (
        select format('alter view %s set (%s)', {{ quote_text(view) }}, array_to_string(reloptions, ', '))
        from pg_catalog.pg_class
        where oid = found and reloptions is not null
    );
    grants constant text := (
        select string_agg(
            format(
                'grant %s on %s to %s%s', g.privilege_type, {{ quote_text(view) }},
                case when g.grantee = 0 then 'public' else g.grantee::regrole::text end,
                case when g.is_grantable then ' with grant option' end
            ),
            '; '
        )
        from pg_catalog.pg_class as c
        cross join aclexplode(c.relacl) as g
        where c.oid = found
    );
begin
    begin
        {{ get_replace_view_sql(view, sql) | trim }}
    exception when invalid_table_definition then
        drop view {{ view }};
        {{ get_create_view_as_sql(view, sql) | trim }}
        if grants is not null then
            execute grants;
        end if;
    end;
    if options is not null then
        execute options;
    end if;
end
$cms_id$
{% endmacro %}
