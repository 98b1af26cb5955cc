{% macro extensions_beyond(extensions) %}
    {#- A query of the extensions that this session's role cannot make anew as they are: (extension, reason, remedy).
        `extensions` is a query of (extension_name, extension_version). What decides here decides for test restore and restore.
        Self-contained. -#}
select
    e.extension_name as extension,
    case
        when v.name is null then 'the server has its files no longer'
        when v.default_version <> e.extension_version then format('it is version %s, and would be made as %s', e.extension_version, v.default_version)
        else 'it is not trusted, so only a superuser may create it'
    end as reason,
    case
        when v.name is null then format('install its files on the server, or `drop extension %I`', e.extension_name)
        when v.default_version <> e.extension_version then format('have its owner run `alter extension %I update`', e.extension_name)
        else format('have a superuser prepare the template that `cmsid doctor` describes, or `drop extension %I` if nothing needs it', e.extension_name)
    end as remedy
from ({{ extensions }}) as e (extension_name, extension_version)
left join pg_catalog.pg_available_extensions as v on e.extension_name = v.name
left join pg_catalog.pg_available_extension_versions as a on v.name = a.name and v.default_version = a.version
where
    v.name is null
    or v.default_version <> e.extension_version
    or a.superuser and not a.trusted and not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)
{%- endmacro %}
