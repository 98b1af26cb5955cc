{% macro refuse_wrong_switches() %}
    {#- What every command but run-operation begins with: a switch of dbt's that would have a baseline kept, a view made or a
        test passed over something else than the registry. It may also come from the environment, DBT_EMPTY for --empty. -#}
    {%- do refuse_wrong_vars() -%}
    {%- set reasons = {
        'empty': 'reads no row of any table, so that a baseline, a view or a test would be of nothing',
        'sample': 'reads some rows only, so that a baseline, a view or a test would not be of all',
        'defer': 'reads the baseline of another schema where this one has none',
    } -%}
    {%- for switch, reason in reasons.items() if invocation_args_dict.get(switch) -%}
        {%- do exceptions.raise_compiler_error(
            '--' ~ switch ~ ' ' ~ reason ~ ': leave it out, and take DBT_' ~ switch | upper ~ ' out of the environment'
        ) -%}
    {%- endfor -%}
{% endmacro %}
