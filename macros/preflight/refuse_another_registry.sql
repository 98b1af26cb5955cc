{% macro refuse_another_registry(command) %}
    {#- Said before anything is read from log or baseline: they are another registry's. -#}
    {%- if audit_table_exists('migrations') -%}
        {%- for row in run_query(preflight_audit_findings(core_tables(), target.schema)).rows -%}
            {%- do exceptions.raise_compiler_error(command ~ ': ' ~ row['detail'] ~ ' (' ~ row['remedy'] ~ '). Nothing was changed.') -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
