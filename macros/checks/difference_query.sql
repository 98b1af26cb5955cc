{% macro difference_query() %}
    {#- The statement that shows the rows that are counted together (c) in a table (w), as an expression; empty where they are
        only derived. -#}
case
    when w.is_derived then ''
    else format(
        'select coalesce(kept.%1$s, live.%1$s) as key%2$s from (%3$s) as kept full join (%4$s) as live on kept.%1$s = live.%1$s where %5$s order by 1',
        w.id,
        coalesce(', kept.' || quote_ident(c.column_name) || ' as was, live.' || quote_ident(c.column_name) || ' as now', ', kept, live'),
        w.kept,
        w.live,
        case
            when c.pattern = 'missing' then format('live.%s is null', w.id)
            when c.pattern = 'additional' then format('kept.%s is null', w.id)
            else format(
                'kept.%1$s = live.%1$s and %2$s is distinct from %3$s',
                w.id,
                replace(coalesce(w.comparable ->> c.column_name, '{}.' || quote_ident(c.column_name)), '{}', 'kept'),
                replace(coalesce(w.comparable ->> c.column_name, '{}.' || quote_ident(c.column_name)), '{}', 'live')
            )
        end
    )
end
{%- endmacro %}
