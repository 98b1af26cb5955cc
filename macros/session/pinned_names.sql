{% macro pinned_names() %}
    {#- Self-contained. For the rest of a transaction that was pinned for the application's names: what is left is reading, and how the name of an object
        is written depends on where names are looked up. -#}
set local search_path = pg_catalog, pg_temp
{%- endmacro %}
