{% macro count_marked(table) %}
    {#- Once per table, before its first batch: from then on only fewer rows can bear the mark, as they are filled or deleted. -#}
update {{ audit_relation('migrations') }} as m
set rows_at_cut_over = (select count(*) from only {{ table.relation }} as t where t.cms_id = m.mark)
where {{ open_migration_of(table) }} and rows_at_cut_over is null
{%- endmacro %}
