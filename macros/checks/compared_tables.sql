{% macro compared_tables() %}
    {#- core_tables, each with what a comparison has to know besides: whether it has a cms_id, which columns of it are kept
        (none without a baseline), in which of those the application itself notes when it made or changed a row, and the moment of its cut-over. -#}
    {%- set tables = core_tables() -%}
    {%- set query -%}
select
    t.table_name,
    a.attname,
    coalesce(pg_get_expr(d.adbin, d.adrelid) ~* '(now\(\)|current_timestamp|localtimestamp|(clock|statement|transaction)_timestamp\(\))', false) as is_created,
    a.attname ~* '(updat|modif|chang)' as is_updated
from ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
inner join pg_attribute as a on to_regclass(format('%I.%I', t.schema_name, t.relation_name)) = a.attrelid
left join pg_attrdef as d on a.attrelid = d.adrelid and a.attnum = d.adnum
where a.attnum > 0 and not a.attisdropped and a.atttypid in ('timestamp'::regtype, 'timestamptz'::regtype)
order by t.table_name, a.attnum
    {%- endset -%}
    {%- set migrated = cms_id_columns(tables) -%}
    {%- set kept = baseline_columns() -%}
    {%- set moments = run_query(query).rows -%}
    {%- set cut_over = cut_over_at('{table}') -%}
    {%- for table in tables -%}
        {%- set names = kept.get(table.name, []) -%}
        {%- set created, updated = [], [] -%}
        {%- for row in moments if row[0] == table.name and row[1] in names -%}
            {%- if row[2] -%}{%- do created.append(row[1]) -%}{%- endif -%}
            {%- if row[3] -%}{%- do updated.append(row[1]) -%}{%- endif -%}
        {%- endfor -%}
        {%- do table.update({'kept': names, 'cms_id_type': migrated[table.name].type if table.name in migrated else none, 'created': created, 'updated': updated,
            'cut_over': cut_over.replace('{table}', quote_text(table.name))}) -%}
    {%- endfor -%}
    {%- do return(tables) -%}
{% endmacro %}
