{% macro refuse_findings(tables, mode) %}
    {#- Refuses what cannot be migrated, with every reason at once, before anything is touched. The ids and sequences are read
        only where the catalogue has nothing against it: else reading them might be what fails. -#}
    {%- set by_state = core_tables_by_state() -%}
    {%- set open, foreign = by_state.open | map(attribute='name') | list, by_state.foreign -%}
    {%- set queries = [
        preflight_findings(tables, var('cms_id_type'), var('allow_update_triggers'), open),
        preflight_server_findings(tables, target.schema, target.get('autocommit') or false, var('lock_timeout'), allow_unseen_sessions=var('allow_unseen_sessions')),
        preflight_disk_findings(tables, var('server_disk_free'), var('min_disk_free')),
        preflight_signal_findings(target.schema, var('go_without_signals')),
    ] -%}
    {%- set reasons = [] -%}
    {%- for query in queries -%}
        {%- do reasons.extend(_reasons_against(mode, query)) -%}
    {%- endfor -%}
    {%- if not reasons -%}
        {#- A session that keeps everybody out is named, not waited for. -#}
        {%- do run_query(lock_tables(tables, 'access share')) -%}
        {%- set more = [preflight_id_findings(tables, var('cms_id_type'))] -%}
        {%- do more.extend([preflight_value_findings(foreign), preflight_unlogged_findings(foreign, target.schema)]) if foreign -%}
        {%- do more.extend(run_query(preflight_sequence_queries(tables, var('allow_sequences_behind'))).columns[0].values()) -%}
        {%- for query in more -%}
            {%- do reasons.extend(_reasons_against(mode, query)) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if reasons -%}
        {%- do exceptions.raise_compiler_error('add_cms_id: ' ~ reasons | join('; ') ~ '. Nothing was changed.') -%}
    {%- endif -%}
{% endmacro %}
