{% macro other_table_fingerprints() %}
    {#- The fingerprint of every ordinary table of the database that is not a core table, whatever schema it stands in;
        ours and the ledgers of migration tools are left out. A table that this role may not read, or of which row level
        security shows it a part only, has no fingerprint: it is listed, so that no check overlooks it. (relation,
        column_names, row_count, fingerprint_a, fingerprint_b). -#}
    {%- set parts = [] -%}
    {%- if execute -%}
        {#- The names of the tables are compared, too. -#}
        {%- set query -%}
            select
                format('%I.%I', f.schema_name, f.relation_name) as relation,
                f.column_names::text as column_names,
                case
                    when has_schema_privilege(f.schema_name, 'usage')
                        then case
                            when
                                has_table_privilege(format('%I.%I', f.schema_name, f.relation_name), 'select')
                                and not row_security_active(format('%I.%I', f.schema_name, f.relation_name))
                                then f.fingerprint_query
                        end
                end as fingerprint_query
            from ({{ fingerprint_queries() }}) as f
            left join ({{ core_table_values(core_tables()) }}) as t (table_name, schema_name, relation_name, id_column, constraint_name)
                on f.schema_name = t.schema_name and f.relation_name = t.relation_name
            where t.table_name is null and f.schema_name not in ({{ unwatched_schemas() }})
            order by 1
        {%- endset -%}
        {%- for row in run_query(query).rows -%}
            {%- do parts.append(
                'select\n    ' ~ quote_text(row['relation']) ~ '::text as relation,\n    ' ~ quote_text(row['column_names']) ~ '::text as column_names,\n    f.*\nfrom ('
                ~ (row['fingerprint_query'] or 'select null::bigint, null::numeric, null::numeric')
                ~ ') as f (row_count, fingerprint_a, fingerprint_b)'
            ) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return(parts | join('\nunion all\n') or
        'select null::text as relation, null::text as column_names, null::bigint as row_count, null::numeric as fingerprint_a, null::numeric as fingerprint_b where false'
    ) -%}
{% endmacro %}
