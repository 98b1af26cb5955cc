{% macro undo_losses(tables) %}
    {#- What an undo would forget: which rows were created locally, and the CMS ids that are not simply the id. One row per
        table that has any. -#}
    {%- set parts = [] -%}
    {%- for table in tables -%}
        {%- do parts.append('(' ~ _undo_losses_of(table) ~ ')') -%}
    {%- endfor -%}
    {%- do return(parts | join('\nunion all\n')) -%}
{% endmacro %}
