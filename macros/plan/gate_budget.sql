{% macro gate_budget() %}
    {#- Raises where less than a tenth of var window_budget is left. -#}
do $cms_id$
begin
    if clock_timestamp() - current_setting('cms_id.locked_since')::timestamptz > {{ quote_text(var('window_budget')) }}::interval * 0.9 then
        raise exception 'less than a tenth of window_budget ({{ var('window_budget') }}) is left to commit'
            using errcode = 'query_canceled', hint = 'Nothing was changed.';
    end if;
end
$cms_id$
{%- endmacro %}
