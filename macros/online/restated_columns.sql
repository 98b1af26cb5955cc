{% macro restated_columns(tables) %}
    {#- {table name: [quoted column, ...]}: one column of each plain index, which the filling sets to what it is. PostgreSQL
        takes an update that names no column of an index as a sign that dead entries pile up in it, and looks for some
        whenever a page of it is full. Here there are hardly any, and the search took half of all the time. Which rows get
        new entries is judged by values, so naming a column adds none. Columns of unique indexes, of triggers, and
        those that may not be set are left out; so are tables with generated columns, which would be computed anew. -#}
    {%- set query -%}
        select distinct
            t.table_name,
            quote_ident(n.attname)
        from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
        inner join pg_catalog.pg_index as i on i.indrelid = format('%I.%I', t.schema_name, t.relation_name)::regclass
        inner join pg_catalog.pg_class as c on i.indexrelid = c.oid
        inner join pg_catalog.pg_am as m on c.relam = m.oid
        cross join lateral (
            select a.attname
            from unnest(i.indkey::smallint[]) with ordinality as k (attnum, position)
            inner join pg_catalog.pg_attribute as a on i.indrelid = a.attrelid and k.attnum = a.attnum
            where
                k.position <= i.indnkeyatts
                and a.attgenerated = ''
                and a.attidentity = ''
                and a.attname <> 'cms_id'
                and not exists (
                    select 1 from pg_catalog.pg_index as u where u.indrelid = i.indrelid and u.indisunique and a.attnum = any(u.indkey)
                )
                and not exists (
                    select 1 from pg_catalog.pg_trigger as g where g.tgrelid = i.indrelid and a.attnum = any(g.tgattr)
                )
            order by k.position
            limit 1
        ) as n
        where
            m.amname = 'btree'
            and not i.indisunique
            and not exists (
                select 1 from pg_catalog.pg_attribute as g where g.attrelid = i.indrelid and g.attgenerated = 's' and not g.attisdropped
            )
        order by 1, 2
    {%- endset -%}
    {%- set columns = {} -%}
    {%- for row in run_query(query).rows -%}
        {%- do columns.setdefault(row[0], []).append(row[1]) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{% endmacro %}
