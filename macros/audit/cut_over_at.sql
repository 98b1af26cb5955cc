{% macro cut_over_at(table_name=none) %}
    {#- A scalar expression: the moment as of which a baseline counts. Before any cut-over that is whatever is newest. A
        core table that joins later has a cut-over of its own, and moves none of the others': hence the first of them.
        `table_name` is an expression for the core table whose cut-over counts; any table's when none. -#}
    {%- if audit_table_exists('migrations') -%}
        {%- do return(
            "(select coalesce(min(m.cut_over_at), 'infinity') from " ~ audit_relation('migrations')
            ~ " as m where m.state not in ('undone', 'abandoned')"
            ~ (' and m.table_name = ' ~ table_name if table_name else '') ~ ')'
        ) -%}
    {%- endif -%}
    {%- do return("'infinity'::timestamptz") -%}
{% endmacro %}
