{% macro note_locks(table_name, step, since='statement_timestamp()') -%}
    {#- The call that notes what is held now, to be made before the transaction ends; in plpgsql behind `perform`.
        `table_name` is empty for all tables, `since` an expression for the moment since when the locks are held. -#}
    {%- do return('pg_temp.cms_id_note_locks(' ~ quote_text(table_name) ~ ', ' ~ quote_text(step) ~ ', ' ~ since ~ ')') -%}
{%- endmacro %}
