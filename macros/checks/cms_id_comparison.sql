{% macro cms_id_comparison(table, rows) %}
    {#- The cms_ids of a core table, for told_differences. -#}
    {%- do return({
        'name': table.name,
        'key': table.id_column,
        'columns': [],
        'kept': 'select ' ~ table.id ~ ', ' ~ table.id ~ ' as cms_id from only ' ~ table.relation,
        'live': 'select ' ~ table.id ~ ', cms_id from only ' ~ table.relation,
        'rows': rows,
    }) -%}
{% endmacro %}
