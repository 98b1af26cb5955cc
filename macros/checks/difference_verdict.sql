{% macro difference_verdict() %}
    {#- Where the rows that are counted together (c) in a table (w) come from, with what shows it, as an expression. -#}
    {%- set conversion = "'^(trimmed|blanks|in |cut|rounded|the same number|the time of day|all .*(later|earlier))'" -%}
case
    when c.origin like 'damage: %' then c.origin
    when c.are_explained then c.origin
    when w.is_derived then 'cannot be told: what it is made of says more, see core_rows_unchanged'
    when c.n = w.of_rows and c.n >= 10 and c.pattern not in ('no pattern in common', 'additional')
        then 'damage: every row of the table' || case when c.column_name is null then '' else ', in this column' end
    when c.pattern ~ {{ conversion }} and c.n >= 10 and c.by_one_transaction
        then 'damage: values converted by one transaction, typed by nobody'
    else 'cannot be told: ' || case
        when c.pattern = 'missing' then 'a row that is gone leaves no trace of who deleted it'
        else 'nothing in these rows says who wrote them' || case when c.by_one_transaction then ', but one transaction did' else '' end
    end
end
{%- endmacro %}
