{% macro extensions_beyond(extensions) %}
    {#- A query of the extensions that this session's role cannot make anew: (extension, reason, remedy).
        `extensions` is a query of (name, version); another version is none that hinders. What decides here decides for test restore and restore.
        Self-contained. -#}
select
    e.extension_name as extension,
    case
        when v.name is null then 'the server has its files no longer'
        else 'it is not trusted, so only a superuser may create it'
    end as reason,
    case
        when v.name is null then format('install its files on the server, or `drop extension %I`', e.extension_name)
        else format('have a superuser prepare the template that `cmsid doctor` describes, or `drop extension %I` if nothing needs it', e.extension_name)
    end as remedy
from ({{ extensions }}) as e (extension_name, extension_version)
left join pg_catalog.pg_available_extensions as v on e.extension_name = v.name
left join pg_catalog.pg_available_extension_versions as a on v.name = a.name and v.default_version = a.version
where
    v.name is null
    or a.superuser and not a.trusted and not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)
{%- endmacro %}
