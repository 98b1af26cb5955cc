{% macro fingerprint_change(recorded, current) %}
    {#- Self-contained. An expression: whether rows are others than a record says, which may be version 1.0's: of its two sums only the
        second is taken as today. -#}
(
    {{ recorded }}.row_count,
    case when {{ recorded }}.fingerprint_a % 1 = 0 then {{ current }}.fingerprint_a else {{ recorded }}.fingerprint_a end,
    {{ recorded }}.fingerprint_b
) is distinct from (
    {{ current }}.row_count,
    {{ current }}.fingerprint_a,
    {{ current }}.fingerprint_b
)
{%- endmacro %}
