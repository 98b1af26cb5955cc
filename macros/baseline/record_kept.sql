{% macro record_kept(into, named, columns, from_item) %}
    {#- Records how many kept rows there are and their fingerprint, so that whatever later equals it equals what is
        kept. Read by a query of its own, since the server has no workers for the query of an INSERT. Of the further
        columns, `named`, the first identifies the row. -#}
    {%- set found = run_query(
        'select row_count::text, fingerprint_a::text, fingerprint_b::text from (' ~ fingerprint_query(from_item, columns) ~ ') as f'
    ).rows[0] -%}
    {%- set values = [] -%}
    {%- for value in named.values() | list + found.values() | list -%}{%- do values.append(quote_text(value)) -%}{%- endfor -%}
    {%- set names = [] -%}
    {%- for column in columns -%}{%- do names.append(quote_text(column.name)) -%}{%- endfor -%}
    {%- do run_query('delete from ' ~ into ~ ' where ' ~ named.keys() | first ~ ' = ' ~ values[0]) -%}
    {%- do run_query(
        'insert into ' ~ into ~ ' (' ~ named.keys() | join(', ') ~ ', row_count, fingerprint_a, fingerprint_b, column_names)'
        ~ ' values (' ~ values | join(', ') ~ ', array[' ~ names | join(', ') ~ '])'
    ) -%}
{% endmacro %}
