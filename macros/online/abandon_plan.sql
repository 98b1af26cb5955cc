{% macro abandon_plan(tables, force) %}
    {#- The statements of abandon_cms_id. What a migration wrote can be written again; what others wrote to cms_id cannot, so
        that is looked for first. -#}
    {%- set plan = [] -%}
    {%- if not force -%}
        {%- for table in tables -%}
            {%- do plan.append({'kind': 'once', 'label': table.name ~ ': gate: only the migration wrote cms_id', 'sql': check_only_ours(table)}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set body -%}
{%- for table in tables %}
alter table {{ table.relation }} drop column if exists cms_id;
{%- endfor %}
update {{ audit_relation('migrations') }}
set state = 'abandoned', undone_at = clock_timestamp()
where
    mode = 'online'
    and state not in ('undone', 'abandoned')
    and migration_id = (
        select max(migration_id)
        from {{ audit_relation('migrations') }}
        where mode = 'online' and state in ('{{ open_states() | join("', '") }}')
    );
insert into {{ audit_relation('events') }} (event, detail) values ('abandoned', {{ quote_text(tables | map(attribute='name') | join(', ')) }});
    {%- endset -%}
    {%- do plan.append({'kind': 'once', 'label': 'remove cms_id from ' ~ tables | length ~ ' tables', 'sql': under_short_locks(tables, 'remove cms_id from ' ~ tables | length ~ ' tables', body, 'Nothing was changed.')}) -%}
    {%- do return(plan) -%}
{% endmacro %}
