{% macro gate_check(name, check, hint='The transaction is rolled back; the database is as it was.') %}
    {#- Raises when a check has failing rows, naming the first of them. -#}
do $cms_id$
declare
    failing text;
begin
    select string_agg(concat_ws(' ', table_name, column_name, 'of ' || key) || format(': expected %s, found %s', expected, actual), '; ')
    into failing
    from (
        select *
        from ({{ check }}) as failing_rows
        limit 5
    ) as first_rows;
    if failing is not null then
        raise exception 'gate check "{{ name }}" failed: %', failing
            using hint = {{ quote_text(hint) }};
    end if;
end
$cms_id$
{% endmacro %}
