{% macro columns_by_table(tables) %}
    {#- {table name: [{name, quoted, comparable, hashed}, ...]} of the original columns, cms_id left out, in the table's own order. -#}
    {%- set query -%}
        select
            t.table_name,
            c.column_name,
            c.comparable,
            c.hashed
        from ({{ comparable_columns() }}) as c
        inner join ({{ core_table_values(tables) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
            on c.schema_name = t.schema_name and c.relation_name = t.relation_name
        where c.column_name <> 'cms_id'
        order by t.table_name, c.column_number
    {%- endset -%}
    {%- set columns = {} -%}
    {%- for row in run_query(query).rows -%}
        {%- if row[0] not in columns -%}{%- do columns.update({row[0]: []}) -%}{%- endif -%}
        {%- do columns[row[0]].append({'name': row[1], 'quoted': quote_name(row[1]), 'comparable': row[2], 'hashed': row[3]}) -%}
    {%- endfor -%}
    {%- do return(columns) -%}
{% endmacro %}
