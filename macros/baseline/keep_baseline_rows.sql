{% macro keep_baseline_rows() %}
    {#- The pre-hook of the row_counts baseline: copies the core tables, typed, column by column, in the snapshot's own
        transaction. A table that has cut over keeps the copy it has: no later run can move what it is compared with. A
        migration that is running has ended before its state is looked at. -#}
    {%- if execute and flags.WHICH != 'compile' -%}
        {%- do wait_for_other_runners() -%}
        {%- do create_audit_tables() -%}
        {%- do refuse_another_registry('baseline') -%}
        {%- set states = migration_states() -%}
        {%- set tables = [] -%}
        {%- for table in core_tables() if states.get(table.name, 'undone') in ['undone', 'abandoned'] -%}
            {%- do tables.append(table) -%}
        {%- endfor -%}
        {%- if tables -%}
            {%- set columns = columns_by_table(tables) -%}
            {%- for table in tables -%}
                {%- set names = columns.get(table.name, []) | map(attribute='quoted') | list -%}
                {%- if not names -%}
                    {%- do exceptions.raise_compiler_error(
                        'baseline: there is no ordinary table ' ~ table.relation ~ ': check var registry_schema and the sources'
                    ) -%}
                {%- endif -%}
                {%- do keep_rows(table.baseline, names, 'only ' ~ table.relation) -%}
                {%- do run_query('create index on ' ~ table.baseline ~ ' (' ~ table.id ~ ')') -%}
                {%- do run_query('analyze ' ~ table.baseline) -%}
            {%- endfor -%}
            {%- do run_query(pinned_names()) -%}
            {%- for table in tables -%}
                {%- set named = {'table_name': table.name, 'schema_name': table.schema, 'relation_name': table.identifier} -%}
                {%- do record_kept(audit_relation('baseline_tables'), named, columns[table.name], 'only ' ~ table.baseline) -%}
            {%- endfor -%}
            {#- A chain is one of many tables: it is kept as long as none of them has cut over. -#}
            {%- if tables | length == core_tables() | length -%}{%- do keep_chains() -%}{%- endif -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
