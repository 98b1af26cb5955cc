{% macro refuse_wrong_vars() %}
    {#- A word that is misspelt would count as the other one, and the text "false" as true: tests would be left out, or a backup
        not asked for, without a word. -#}
    {%- set words = {
        'validation': ['cutover', 'ongoing'],
        'mode': ['window', 'online'],
        'cms_id_type': ['integer', 'bigint'],
        'procedure_registry': [true, false],
        'require_backup': [true, false],
        'allow_update_triggers': [true, false],
        'allow_sequences_behind': [true, false],
        'allow_unseen_sessions': [true, false],
        'allow_row_type_use': [true, false],
    } -%}
    {%- for name, allowed in words.items() -%}
        {%- set value = var(name) -%}
        {#- 1 equals true, and is not it -#}
        {%- if value not in allowed or (value is boolean) != (allowed[0] is boolean) -%}
            {%- do exceptions.raise_compiler_error(
                'var ' ~ name ~ ' is ' ~ tojson(value) ~ ', and can be ' ~ tojson(allowed[0]) ~ ' or ' ~ tojson(allowed[1])
                ~ ': mend it in dbt_project.yml, or in --vars'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set time = ['[1-9][0-9]*(ms|s|min|h)', 'a time such as 120s or 10min'] -%}
    {%- set size = ['[0-9]+ ?(kB|MB|GB|TB)', 'a size such as 64MB'] -%}
    {%- set patterns = {
        'window_budget': time,
        'max_commit_latency': time,
        'max_replica_lag': size,
        'max_slot_wal': size,
        'max_archive_backlog': size,
        'min_disk_free': size,
        'server_disk_free': size,
        'max_waiting_sessions': ['[0-9]+', 'a number'],
    } -%}
    {%- for name, pattern in patterns.items() -%}
        {%- set value = var(name) -%}
        {%- if not modules.re.fullmatch(pattern[0], value | string) and (value or name not in ['window_budget', 'server_disk_free']) -%}
            {%- do exceptions.raise_compiler_error(
                'var ' ~ name ~ ' is ' ~ tojson(value) ~ ', and can be ' ~ pattern[1] ~ ': mend it in dbt_project.yml, or in --vars'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {#- the others can always be read -#}
    {%- set signals = ['replica_lag', 'waiting_sessions'] -%}
    {%- set without = var('go_without_signals') -%}
    {%- if without is string or without is not iterable or without | reject('in', signals) | list -%}
        {%- do exceptions.raise_compiler_error(
            'var go_without_signals is ' ~ tojson(without) ~ ', and can be a list of ' ~ signals | join(', ')
            ~ ': mend it in dbt_project.yml, or in --vars'
        ) -%}
    {%- endif -%}
{% endmacro %}
