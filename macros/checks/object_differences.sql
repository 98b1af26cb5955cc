{% macro object_differences(expected, actual, longer='actual') %}
    {#- Two catalogues (relations with object, object_kind, object_name, definition) compared, one row per object that
        differs, with both definitions (`was` and `now` with NULL where there is none). Where a stored query names all columns of a table (schools as s (a, b, c)) or holds
        a whole row of it, the server writes a further column into its text: , cms_id or a last , NULL. The query is the same,
        and the text that lacks the column has none of these that the other has not. So is one that joins other tables
        USING (cms_id): the server then lists the columns of the core table, to call its own one cms_id_1. A function's body
        that is a string is not written by the server, and compared as it is. -#}
    {%- set further = quote_text(', (cms_id(_[0-9]+)?(?=[,)])|NULL(?=[)]))') -%}
    {%- set listed = quote_text('([.]("[^"]+"|[^[:space:].,()"]+) ("[^"]+"|[^[:space:].,()"]+))[(][^()]*[)]') -%}
    {%- set repeated = quote_text('[.]("[^"]+"|[^[:space:].,()"]+) \\1(?=[[:space:],);]|$)') -%}
    {%- set texts = [] -%}
    {%- for text in ['expected.definition', 'actual.definition'] -%}
        {%- set unlisted = "regexp_replace(" ~ text ~ ", " ~ listed ~ ", " ~ quote_text('.\\2 \\3') ~ ", 'g')" -%}
        {%- do texts.append("regexp_replace(" ~ unlisted ~ ", " ~ repeated ~ ", " ~ quote_text('.\\1') ~ ", 'g')") -%}
    {%- endfor %}
select
    coalesce(expected.object_kind, actual.object_kind) as table_name,
    coalesce(expected.object_name, actual.object_name) as key,
    'definition'::text as column_name,
    coalesce(expected.definition, 'no such ' || actual.object_kind) as expected,
    coalesce(actual.definition, 'the ' || expected.object_kind || ' is missing') as actual,
    expected.definition as was,
    actual.definition as now
from ({{ expected }}) as expected
full join ({{ actual }}) as actual on expected.object = actual.object
where
    expected.definition is distinct from actual.definition
    and not coalesce(
        actual.object_kind in ('view', 'materialized view', 'rule', 'policy', 'function', 'procedure', 'column', 'domain')
        and actual.definition not like '%AS $%'
        and length({{ longer }}.definition) > length({{ {'actual': 'expected', 'expected': 'actual'}[longer] }}.definition)
        and (
            regexp_replace(expected.definition, {{ further }}, '', 'g')
            = regexp_replace(actual.definition, {{ further }}, '', 'g')
            or (expected.definition || actual.definition ~ ', cms_id_[0-9]+[)]' and {{ texts | join(' = ') }})
        ),
        false
    )
{% endmacro %}
