{% macro row_origin(table, kept, live) %}
    {#- What a row of a core table and its kept row, which may be absent, say of who wrote it, as an expression; NULL where they
        say nothing. The application's own moments are the columns that default to the present moment, and those named for an
        update; only one since the cut-over counts. -#}
    {%- set id = table.id -%}
    {%- set since = '>= ' ~ table.cut_over -%}
    {%- if not table.cms_id_type -%}
null::text
    {%- else -%}
case
    when {{ kept }}.{{ id }} is null and {{ live }}.cms_id is not null then 'damage: the application gives no cms_id'
    {%- if table.created %}
    when {{ kept }}.{{ id }} is null and {{ live }}.{{ id }} > (select max(k.{{ id }}) from {{ table.baseline }} as k)
        {%- for name in table.created %} and {{ live }}.{{ quote_name(name) }} {{ since }}{% endfor %}
        then {{ quote_text('writes of the application: new keys, no cms_id, ' ~ table.created | join(' and ') ~ ' after the cut-over') }}
    {%- endif %}
    {%- for name in table.updated %}
    when {{ kept }}.{{ id }} = {{ live }}.{{ id }} and {{ live }}.{{ quote_name(name) }} > {{ kept }}.{{ quote_name(name) }} and {{ live }}.{{ quote_name(name) }} {{ since }}
        then {{ quote_text('writes of the application: ' ~ name ~ ' moved to after the cut-over in each row') }}
    {%- endfor %}
end
    {%- endif -%}
{%- endmacro %}
