"""What a database has besides the objects in it: owner, rights, settings, locale, comment.

PostgreSQL keys these by the database's number, so that they stay behind when another database takes over its name: a
restore has to record them, set them again, and compare them.
"""

from __future__ import annotations

from typing import Any

from psycopg import errors, sql
from psycopg.rows import dict_row

from driver.backup.session import Session, major_of
from driver.errors import why

State = dict[str, Any]
Group = list[sql.SQL | sql.Composed]
# A role whose privileges nobody ever changed has the default ones; spelt out, they compare.
STATE_QUERY = """
select
    pg_get_userbyid(d.datdba) as owner,
    pg_encoding_to_char(d.encoding) as encoding,
    d.datcollate as lc_collate,
    d.datctype as lc_ctype,
    {provider} as locale_provider,
    {locale} as locale,
    {rules} as icu_rules,
    (select spcname::text from pg_tablespace as t where t.oid = d.dattablespace) as tablespace,
    d.datconnlimit as connection_limit,
    d.datistemplate as is_template,
    shobj_description(d.oid, 'pg_database') as comment,
    (
        select coalesce(json_agg(json_build_array(
            case when a.grantee = 0 then 'PUBLIC' else pg_get_userbyid(a.grantee) end, a.grantee = 0,
            a.privilege_type, a.is_grantable
        ) order by a.grantee = 0, pg_get_userbyid(a.grantee)::text, a.privilege_type, a.is_grantable), '[]')
        from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
    ) as privileges,
    (
        select coalesce(json_agg(json_build_array(
            case when s.setrole = 0 then null else pg_get_userbyid(s.setrole) end,
            split_part(c, '=', 1),
            substr(c, strpos(c, '=') + 1)
        ) order by s.setrole <> 0, pg_get_userbyid(s.setrole)::text, split_part(c, '=', 1)), '[]')
        from pg_db_role_setting as s
        cross join unnest(s.setconfig) as c
        where s.setdatabase = d.oid
    ) as settings
from pg_database as d
where d.datname = %s
"""
PROVIDERS_SINCE = 15
RULES_SINCE = 16
LOCALE_COLUMNS = {17: "d.datlocale", PROVIDERS_SINCE: "d.daticulocale", 0: "null::text"}
"""Where the locale is, since which version."""
LIST_SETTINGS = frozenset(
    {
        "search_path",
        "temp_tablespaces",
        "session_preload_libraries",
        "local_preload_libraries",
        "shared_preload_libraries",
        "unix_socket_directories",
    }
)
"""Settings whose value is a list of quoted names: as one string literal it would become a single name."""


def read(session: Session, name: str) -> State:
    """The state of a database of the session's server."""
    version = major_of(session)
    query = sql.SQL(STATE_QUERY).format(  # type: ignore[arg-type,unused-ignore]
        provider=sql.SQL("d.datlocprovider::text" if version >= PROVIDERS_SINCE else "'c'"),
        locale=sql.SQL(next(column for since, column in LOCALE_COLUMNS.items() if version >= since)),
        rules=sql.SQL("d.daticurules" if version >= RULES_SINCE else "null::text"),
    )
    row = session.cursor(row_factory=dict_row).execute(query, [name]).fetchone()
    if row is None:
        raise LookupError(name)
    return row


def extensions(session: Session) -> list[list[str]]:
    """The extensions of the session's database with their versions."""
    rows = session.execute("select extname::text, extversion from pg_extension order by 1").fetchall()
    return [list(row) for row in rows]


def creation(state: State, name: str, major: int, template: str = "template0") -> sql.Composed:
    """The statement that creates a database of the kind that this state has, as a copy of the template, of that kind too."""
    provider = {"i": "icu", "b": "builtin", "c": "libc"}[state["locale_provider"]]
    options = {
        "template": sql.Identifier(template),
        "owner": sql.Identifier(state["owner"]),
        **{key: sql.Literal(state[key]) for key in ("encoding", "lc_collate", "lc_ctype")},
        "locale_provider": sql.Identifier(provider) if major >= PROVIDERS_SINCE else None,
        f"{provider}_locale": sql.Literal(state["locale"]) if state["locale"] and provider != "libc" else None,
        "icu_rules": sql.Literal(state["icu_rules"]) if state["icu_rules"] else None,
        "tablespace": sql.Identifier(state["tablespace"]) if state["tablespace"] != "pg_default" else None,
    }
    told = [sql.SQL(option + " {}").format(value) for option, value in options.items() if value]
    return sql.SQL("create database {} {}").format(sql.Identifier(name), sql.SQL(" ").join(told))


def changes(name: str, present: State, wanted: State) -> list[Group]:
    """Groups of statements that give a database of the present state the wanted one; each group belongs together."""
    database = sql.Identifier(name)
    own = sql.SQL("alter database {}").format(database)
    groups: list[Group] = []
    for key, statement in (
        ("owner", "alter database {} owner to {}"),
        ("comment", "comment on database {} is {}"),
        ("connection_limit", "alter database {} with connection limit {}"),
        ("is_template", "alter database {} with is_template {}"),
    ):
        if present[key] != wanted[key]:
            kind = sql.Identifier if key == "owner" else sql.Literal
            groups.append([sql.SQL(statement).format(database, kind(wanted[key]))])
    if present["privileges"] != wanted["privileges"]:
        groups.append(_privileges(database, present["privileges"], wanted["privileges"]))
    before, after = ({(role, name): value for role, name, value in state["settings"]} for state in (present, wanted))
    for role, parameter in {**before, **after}:
        value = after.get((role, parameter))
        if before.get((role, parameter)) != value:
            subject = sql.SQL("alter role {} in database {}").format(sql.Identifier(role), database) if role else own
            groups.append(setting(subject, parameter, value))
    return groups


def apply(session: Session, name: str, wanted: State) -> list[str]:
    """Give a database the recorded state, as far as the session's role may.

    A line for each thing it may not do: the statement a superuser has to run, and the reason.
    """
    left = []
    for group in changes(name, read(session, name), wanted):
        try:
            with session.transaction():
                for statement in group:
                    session.execute(statement)
        except (errors.InsufficientPrivilege, errors.UndefinedObject) as error:
            text = "; ".join(statement.as_string(session) for statement in group)
            left.append(f"{text};  -- {why(error)}")
    session.execute("select set_config('search_path', '', false)")
    return left


def differences(found: State, wanted: State) -> list[str]:
    """What differs between two states, in words; empty if nothing does."""
    return [
        f"database {key.replace('_', ' ')}: {wanted[key]} in the backup, {found[key]} now"
        for key in wanted
        if found.get(key) != wanted[key]
    ]


def _privileges(database: sql.Identifier, present: list[Any], wanted: list[Any]) -> Group:
    def role(item: list[Any]) -> sql.Composable:
        return sql.SQL("public") if item[1] else sql.Identifier(item[0])

    holders = {(item[0], item[1]): role(item) for item in present}.values()
    grant = "grant {} on database {} to {}"
    return [
        *(sql.SQL("revoke all on database {} from {} cascade").format(database, holder) for holder in holders),
        *(
            sql.SQL(grant + (" with grant option" if item[3] else "")).format(sql.SQL(item[2]), database, role(item))
            for item in wanted
        ),
    ]


def setting(subject: sql.Composed, parameter: str, value: str | None) -> Group:
    """The statements that give what an ALTER begins with a setting, or take it away where there is no value."""
    # A setting of an extension has a dot between two names.
    name = sql.SQL(".").join(sql.Identifier(part) for part in parameter.split("."))
    if value is None:
        return [sql.SQL("{} reset {}").format(subject, name)]
    if parameter in LIST_SETTINGS:
        # Taken over from the session, the list is stored exactly as it was spelt.
        set_here = sql.SQL("select set_config({}, {}, true)").format(sql.Literal(parameter), sql.Literal(value))
        return [set_here, sql.SQL("{} set {} from current").format(subject, name)]
    return [sql.SQL("{} set {} to {}").format(subject, name, sql.Literal(value))]
