{% macro in_one_transaction(plan) %}
    {#- A run-operation commits every statement by itself; only an explicit pair makes one transaction of them. -#}
    {%- do return(
        [{'label': 'begin', 'sql': 'begin'}] + plan + [
            {'label': 'commit', 'sql': 'commit'},
            {'label': 'note the release of the locks', 'sql': note_release()},
        ]
    ) -%}
{% endmacro %}
