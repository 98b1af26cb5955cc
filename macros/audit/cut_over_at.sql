{% macro cut_over_at() %}
    {#- A scalar expression: the moment as of which a baseline counts. Before any cut-over that is whatever is newest. -#}
    {%- if audit_table_exists('migrations') -%}
        {%- do return(
            "(select coalesce(max(cut_over_at), 'infinity') from " ~ audit_relation('migrations')
            ~ " where state not in ('undone', 'abandoned'))"
        ) -%}
    {%- endif -%}
    {%- do return("'infinity'::timestamptz") -%}
{% endmacro %}
