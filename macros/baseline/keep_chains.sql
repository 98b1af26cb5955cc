{% macro keep_chains() %}
    {#- Keeps what the chains read beside core tables, of these the columns that they read, and each chain's links as a number and a
        fingerprint: those that the kept rows give, so that whatever equals it equals what is kept. -#}
    {%- set kept = core_tables() | map(attribute='name') | list -%}
    {%- for name, chain in chain_models().items() -%}
        {%- for node in model_sources(chain) if node.name not in kept -%}
            {%- set columns = [] -%}
            {%- for column in node.config.meta.get('chain_columns', []) -%}{%- do columns.append(quote_name(column)) -%}{%- endfor -%}
            {%- do keep_rows(baseline_rows(node.name), columns or ['*'], quote_name(node.schema) ~ '.' ~ quote_name(node.identifier)) -%}
            {%- do kept.append(node.name) -%}
        {%- endfor -%}
        {%- set links = '(' ~ chain_query(chain, kept=true) ~ ') as links' -%}
        {%- do record_kept(audit_relation('baseline_chains'), {'chain_name': name}, chain_columns(chain), links) -%}
    {%- endfor -%}
{% endmacro %}
