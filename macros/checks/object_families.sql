{% macro object_families(differing, of_objects='0') %}
    {#- Self-contained. Objects of a catalogue that differ (kind, name, was, now: definitions, NULL where there is no such
        object), put together as a person does: a column with its index, its comment and its grants, a table with all that went or came
        with it, and what was renamed with what it is named now. One row each, for difference_rows. An object belongs to another by what
        the texts say, since the baseline has nothing else: by its name, or by what an index, a constraint or a sequence is on. -#}
    {%- set of_relation = "(strpos(d.words, ' ' || h.parent) > 0 or strpos(d.words, ' ' || rtrim(h.parent, '.') || ' ') > 0) and strpos(d.words, ' ' || h.leaf || ' ') > 0" -%}
with recursive objects as materialized (
    select
        o.*,
        left(o.name, -length(o.leaf)) as parent,
        case when o.was is null then 'additional' when o.now is null then 'missing' else 'defined otherwise' end as change,
        ' ' || rtrim(translate(o.name, '(),', '   ')) as place,
        ' ' || translate(concat_ws(' ', o.name, case when o.kind in ('constraint', 'index', 'sequence') then coalesce(o.was, o.now) end), '(),', '   ') || ' ' as words,
        case
            when o.kind ~ '^(comment|grant|security label|default privileges|publication (table|schema))$' then 9
            when o.kind in ('index', 'sequence', 'statistics') then 4
            when o.kind in ('constraint', 'trigger', 'rule', 'policy') then 3
            when o.kind = 'column' then 2
            else 1
        end as rank
    from (
        select
            d.kind,
            d.name,
            d.was,
            d.now,
            regexp_replace(d.name, '^.*[.](?=("([^"]|"")+"|[^".()]+)([(].*)?$)', '') as leaf
        from ({{ differing }}) as d
    ) as o
),

renamed as (
{{ object_renames('objects') }}
),

belongs as (
    select distinct on (kind, name) *
    from (
        select a.kind, a.to_name as name, a.kind as head_kind, a.name as head, 9 as closeness
        from renamed as a
        union all
        select d.kind, d.name, r.kind, r.name, 8
        from objects as d
        inner join renamed as r
            on d.now = replace(d.was, r.name, r.to_name)
            or replace(d.now, r.to_leaf || ' AS ' || r.leaf, r.to_leaf) = replace(d.was, r.leaf, r.to_leaf)
        where d.change = 'defined otherwise'
        union all
        select d.kind, d.name, h.kind, h.name, h.rank
        from objects as d
        inner join objects as h on d.rank > h.rank
        where
            (strpos(d.words, h.place || ' ') > 0 and (d.rank = 9 or h.change <> 'defined otherwise' or h.kind = 'column'))
            or (strpos(d.words, h.place || '.') > 0 and h.change <> 'defined otherwise' and h.rank = 1)
            or ({{ of_relation }} and (
                (h.kind = 'column' and d.kind in ('constraint', 'index'))
                or (h.rank = 3 and (d.rank = 9 or (d.kind = 'index' and d.leaf = h.leaf)))
            ))
    ) as candidates
    order by kind, name, closeness desc, length(head) desc, head
),

upwards as (
    select kind, name, kind as head_kind, name as head from objects
    union
    select u.kind, u.name, b.head_kind, b.head
    from upwards as u
    inner join belongs as b on u.head_kind = b.kind and u.head = b.name
),

families as (
    select
        h.kind,
        h.name,
        h.change,
        count(*) as n,
        coalesce(bool_or(h.change <> 'missing' or h.kind in ('constraint', 'index')) and bool_or({{ constraint_is_gone('m') }}), false) as is_weaker,
        string_agg(m.kind || ' ' || m.name, ', ' order by m.rank, m.name) filter (where (m.kind, m.name) <> (h.kind, h.name)) as others
    from upwards as u
    inner join objects as h on u.head_kind = h.kind and u.head = h.name
    inner join objects as m on u.kind = m.kind and u.name = m.name
    where not exists (select 1 from belongs as b where b.kind = h.kind and b.name = h.name)
    group by h.kind, h.name, h.change
)

select
    f.kind as table_name,
    'definition' as column_name,
    f.n,
    {{ of_objects }} as of_rows,
    'objects' as noun,
    f.kind || ' ' || f.name as subject,
    told.pattern || case
        when f.n > told.own then ', with ' || (f.n - told.own)::text || case when f.n - told.own = 1 then ' object' else ' objects' end || ' of it'
        else ''
    end as told,
    told.pattern,
    coalesce(case when length(f.others) > 300 then left(f.others, 297) || '...' else f.others end, '') as keys,
    null::jsonb as places,
    case
        when r.name is null and f.is_weaker then 'damage: a constraint is gone, or no longer enforced, and rows may break it'
        else 'cannot be told: no definition says who changed it, a deployment or somebody by hand'
    end as verdict,
    false as is_derived,
    '' as query
from families as f
left join renamed as r on f.kind = r.kind and f.name = r.name
cross join lateral (
    select
        case when r.name is null then f.change else 'renamed to ' || case when strpos(r.to_name, left(r.name, -length(r.leaf))) = 1 then r.to_leaf else r.to_name end end as pattern,
        case when r.name is null then 1 else 2 end as own
) as told
{% endmacro %}
