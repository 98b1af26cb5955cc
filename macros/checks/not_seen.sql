{% macro not_seen(names, filled=false) %}
    {#- A condition that the server asks once: false as long as `see_once` has seen that these core tables are as they were (and `filled`),
        and nothing was written since. The statement that asks reads the same rows. -#}
    {%- set seen = graph.get('cms_id_seen', {}) -%}
    {%- if not names -%}{%- do return('true') -%}{%- endif -%}
    {%- for name in names if name not in seen or filled and not seen[name].filled -%}
        {%- do return('true') -%}
    {%- endfor -%}
    {%- do return(data_as_of() ~ ' <> ' ~ quote_text(seen[names[0]].moment)) -%}
{% endmacro %}
