{% macro kept_in_ledger(plan, command, tables) %}
    {#- The plan, with its locks noted after each step from the first lock on, and how far it is said before. -#}
    {%- set names = tables | map(attribute='name') | list -%}
    {%- set kept, locking, said = [], [], [] -%}
    {%- for step in plan -%}
        {%- set about = step.label.split(': ')[0] -%}
        {%- set where = 'table ' ~ (names.index(about) + 1) ~ ' of ' ~ names | length if about in names
            else 'checks after' if said and said[-1].startswith('table') else said[-1] if said else 'checks before' -%}
        {%- set parts = [step.sql | trim] -%}
        {%- if locking -%}
            {%- do parts.append('do $cms_id$ begin perform ' ~ note_locks(about if about in names else '', step.label) ~ '; end $cms_id$') -%}
            {%- if where not in said -%}
                {%- do said.append(where) -%}
                {%- do parts.insert(0, window_step(where)) -%}
            {%- endif -%}
        {%- elif step.label.startswith('lock ') -%}
            {%- do kept.append({'label': 'define the ledger of locks', 'sql': define_ledger(command)}) -%}
            {%- do locking.append(step) -%}
        {%- endif -%}
        {%- do kept.append({'label': step.label, 'sql': parts | join(';\n')}) -%}
    {%- endfor -%}
    {%- do return(kept) -%}
{% endmacro %}
