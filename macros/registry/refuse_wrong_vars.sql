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
    {%- set budget = var('window_budget') -%}
    {%- if budget and not modules.re.fullmatch('[1-9][0-9]*(ms|s|min|h)', budget | string) -%}
        {%- do exceptions.raise_compiler_error(
            'var window_budget is ' ~ tojson(budget) ~ ', and can be a time such as 120s or 10min: mend it in dbt_project.yml, or in --vars'
        ) -%}
    {%- endif -%}
{% endmacro %}
