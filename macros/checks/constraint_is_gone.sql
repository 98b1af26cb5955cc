{% macro constraint_is_gone(object) %}
    {#- Self-contained. A condition: an object of the catalogue (kind, was, now) kept rows sound, and does so no longer. -#}
case {{ object }}.kind
    when 'constraint' then {{ object }}.was is not null and coalesce({{ object }}.now ~ '(NOT VALID|NOT ENFORCED|not enforced: )' and {{ object }}.was !~ '(NOT VALID|NOT ENFORCED|not enforced: )', true)
    when 'column' then {{ object }}.was ~ ', not null' and {{ object }}.now !~ ', not null'
    when 'index' then {{ object }}.was ~ '^CREATE UNIQUE' and coalesce({{ object }}.now !~ '^CREATE UNIQUE' or {{ object }}.now ~ ', INVALID', true)
end
{%- endmacro %}
