{% macro lint_exceptions(mode) %}
    {#- What squawk objects to by design, {rule: reason}; printed at the head of a plan, where squawk reads it. -#}
    {%- set exceptions_of = {
        'require-statement-timeout': 'statement_timeout is set to 0 with the other settings: what takes long here ends well, or is ended by a person',
    } -%}
    {%- if mode == 'window' -%}
        {%- do exceptions_of.update({
            'prefer-bigint-over-int': 'cms_id has the type of the id that it repeats',
            'changing-column-type': 'window mode fills the column by one rewrite, under a lock that it holds on purpose',
            'constraint-missing-not-valid': 'the rewrite has just built every row; there is nothing to validate later',
            'disallowed-unique-constraint': 'the index is built inside the same rewrite, under the same lock',
        }) -%}
    {%- elif mode == 'online' -%}
        {%- do exceptions_of.update({
            'prefer-robust-stmts': 'IF NOT EXISTS takes an interrupted index for done; an index is looked up, removed if invalid, and checked instead',
            'require-lock-timeout': 'a concurrent build waits for old snapshots and blocks nobody; what locks tables sets its own limit',
        }) -%}
    {%- elif mode == 'undo' -%}
        {%- do exceptions_of.update({
            'ban-drop-column': 'to remove the column is what an undo is for',
        }) -%}
    {%- endif -%}
    {%- do return(exceptions_of) -%}
{% endmacro %}
