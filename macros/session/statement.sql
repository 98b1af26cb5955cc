{% macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') %}
    {#- dbt's own macro of this name, which every statement that dbt or a macro sends goes through. Here each transaction begins with
        the settings that all our sessions have: dbt has no hook that would reach every connection. Nothing stays in a session. A test names tables whose rows policies
        hide, so reading them must be no error. -#}
    {%- if execute -%}
        {%- set is_test = flags.WHICH == 'test' or (model is defined and model.resource_type == 'test') -%}
        {#- `dbt test` also runs on a standby; beside `dbt build` what the adapter asks for a test cannot be told from what it writes -#}
        {%- set writable = '' if flags.WHICH == 'test' else 'set local transaction_read_only = off;\n' -%}
        {%- do adapter.add_query(writable ~ session_pins(names='pg_catalog' if is_test else 'application', row_security='kept'), auto_begin=auto_begin) -%}
    {%- endif -%}
    {%- set sent = caller() -%}
    {%- call dbt.statement(name, fetch_result, auto_begin, language) -%}
        {{ sent }}
    {%- endcall -%}
{% endmacro %}
