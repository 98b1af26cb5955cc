{% macro within_budget(plan) %}
    {#- The plan, where var window_budget says how long the tables may be locked: each statement after the locks is
        ended by the server when that is used up, and so is the session if its client hangs. The last step leaves a
        tenth of it to COMMIT, which nothing can end. The step that locks has a label that begins with `lock`. -#}
    {%- if not var('window_budget') -%}{%- do return(plan) -%}{%- endif -%}
    {%- set bounded, locking = [], [] -%}
    {%- for step in plan -%}
        {%- set sql = budget_limits() ~ ';\n' ~ step.sql if locking else step.sql -%}
        {%- do bounded.append({'label': step.label, 'sql': sql}) -%}
        {%- if step.label.startswith('lock ') -%}{%- do locking.append(step) -%}{%- endif -%}
    {%- endfor -%}
    {%- set gate -%}
do $cms_id$
begin
    if clock_timestamp() - current_setting('cms_id.locked_since')::timestamptz > {{ quote_text(var('window_budget')) }}::interval * 0.9 then
        raise exception 'less than a tenth of window_budget ({{ var('window_budget') }}) is left to commit'
            using errcode = 'query_canceled', hint = 'Nothing was changed.';
    end if;
end
$cms_id$
    {%- endset -%}
    {%- do bounded.append({'label': 'gate: time left to commit', 'sql': gate}) if locking -%}
    {%- do return(bounded) -%}
{% endmacro %}
