{% macro is_read_whole(relation, schema) %}
    {#- A condition on a relation of the catalogue: this role may read it, and row level security hides none of its rows. -#}
has_schema_privilege({{ schema }}, 'usage') and has_table_privilege({{ relation }}, 'select') and not row_security_active({{ relation }})
{%- endmacro %}
