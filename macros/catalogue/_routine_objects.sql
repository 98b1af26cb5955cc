{% macro _routine_objects() %}
    {#- Functions, procedures and aggregates. A part of catalogue_objects. -#}
select
    f.routine_kind,
    f.routine_name,
    'owner ' || pg_get_userbyid(f.proowner) || ', '
    || case
        when f.prokind <> 'a' then pg_get_functiondef(f.oid)
        else (
            select concat_ws(
                ', ', g.aggkind::text, g.aggtransfn::regprocedure::text, format_type(g.aggtranstype, null), g.aggtransspace::text,
                'initial ' || g.agginitval, 'final ' || g.aggfinalfn::text, g.aggfinalextra::text, g.aggfinalmodify::text,
                g.aggcombinefn::text, g.aggserialfn::text, g.aggdeserialfn::text, g.aggmtransfn::text, g.aggminvtransfn::text,
                g.aggmfinalfn::text, format_type(nullif(g.aggmtranstype, 0), null), g.aggminitval, g.aggsortop::regoperator::text
            )
            from pg_catalog.pg_aggregate as g
            where g.aggfnoid = f.oid
        )
    end
from routines as f
{% endmacro %}
