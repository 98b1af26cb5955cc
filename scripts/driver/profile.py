"""The connection of the dbt profile, for everything here that is not dbt: the same file, target and variables.

dbt's own loader is not used because importing it takes a second, and most commands need nothing else of it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driver.backup.files import write_private
from driver.bootstrap import ROOT, project
from driver.dbt_project import read_yaml, settings
from driver.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg

FILE = "profiles.yml"
TARGET = "registry"
APPLICATION = "cmsid"
# What must hold before a session's first statement, or before PostgreSQL's programs set what they need themselves.
SETTINGS = "-c statement_timeout=0 -c idle_session_timeout=0 -c default_transaction_read_only=off"
PASSWORD_VARIABLE = "DBT_ENV_SECRET_CMSID_PASSWORD"  # noqa: S105  dbt keeps the value of such a name out of its logs
OF_THE_SESSION = ("PGOPTIONS", "PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR")
"""libpq's variables that lead to no other server."""
ALWAYS = ("host", "port", "user", "dbname", "connect_timeout")
OF_LIBPQ = (*ALWAYS, "sslmode", "sslrootcert", "sslcert", "sslkey", "keepalives_idle")
"""The fields that are libpq's parameters of the same name; all but the first ones only where they are set."""
_without_options: set[tuple[str, int]] = set()
"""Where a pooler refuses them."""


@dataclass(frozen=True)
class Connection:
    """How to reach one database, as one target of the profile says."""

    host: str
    port: int
    user: str
    dbname: str
    password: str = field(default="", repr=False)
    sslmode: str = ""
    sslrootcert: str = ""
    sslcert: str = ""
    sslkey: str = ""
    role: str = ""
    """The name of the role to act as; the profile has it as SQL would."""
    connect_timeout: int = 10
    """In seconds."""
    keepalives_idle: int = 0
    """In seconds; 0 leaves it to the operating system."""
    audit_schema: str = "cms_id_audit"
    threads: int = 1
    autocommit: bool = False
    """As the profile has it; true makes a migration impossible to roll back, so it is refused before one."""
    target: str = ""
    profiles_dir: Path = ROOT
    service: str = ""
    """The entry of pg_service.conf that this is of; empty: it is of the profile."""

    def connect(self) -> psycopg.Connection[Any]:
        """A session in autocommit mode, which no statement_timeout ends, not even in its first statement. Else raises Problem."""
        import psycopg

        # Else it warns of what the clearing away after a failure meets, before the failure itself is told.
        logging.getLogger("psycopg").setLevel(logging.ERROR)
        parameters: dict[str, Any] = {**self._parameters(), "autocommit": True, "client_encoding": "UTF8"}
        try:
            try:
                return psycopg.connect(**parameters, **self._options(SETTINGS))
            except psycopg.OperationalError as error:
                if "unsupported startup parameter" not in str(error):
                    raise
                _without_options.add((self.host, self.port))
                return psycopg.connect(**parameters)
        except psycopg.OperationalError as error:
            raise connection_problem(error, self.describe(), self.service) from error

    def environment(self, settings: str = "") -> dict[str, str]:
        """The environment in which PostgreSQL's own programs reach this database without any option.

        Only the same user can read it, and nothing of it is left however the program or we end. The role to act as is
        not in it. Further settings are as PGOPTIONS has them; a pooler may not let them pass.
        """
        variables = dict(os.environ)
        # A service would hide the variables of the same meaning.
        variables |= _variables(
            {**_of_service(), **self._parameters(), **self._options(f"{SETTINGS} {settings}".strip())}
        )
        for name in ("PGSERVICE", "PGSERVICEFILE", "PGCLIENTENCODING", *(() if self.password else ("PGPASSWORD",))):
            variables.pop(name, None)
        return variables

    def describe(self) -> str:
        """Where this leads, without any secret, such as `dev@localhost:5432/registry`."""
        return f"{self.user}@{self.host or 'local socket'}:{self.port}/{self.dbname}"

    def to_database(self, name: str) -> Connection:
        """The same server and role, another database."""
        return replace(self, dbname=name)

    def _options(self, settings: str) -> dict[str, Any]:
        """libpq's parameter of that name, after what it would take otherwise, which it hides."""
        refused = (self.host, self.port) in _without_options
        return {} if refused else {"options": f"{_libpq().get('options', '')} {settings}".strip()}

    def _parameters(self) -> dict[str, str | int]:
        """libpq's parameters as dbt gives them; what it does not give is left to libpq (its variables, its service)."""
        given = {name: value for name in OF_LIBPQ if (value := getattr(self, name)) or name in ALWAYS}
        # Given even if it is empty, as dbt does: libpq then looks into ~/.pgpass, and not into PGPASSWORD.
        return given | {"password": self.password, "application_name": APPLICATION}


def load(target: str | None = None, profiles_dir: Path | None = None) -> Connection:
    """The connection that dbt would use: by default that of DBT_TARGET, then of the profile's own default.

    Raises:
        Problem: if the profile, the target or one of its values is missing or wrong.
    """
    folder = profiles_dir or find_profiles_dir()
    path = folder / FILE
    name = _name()
    if not path.exists():
        raise Problem("There is no dbt profile", where=str(path), do="run `scripts/cmsid setup`")
    profile = read_yaml(path, "The dbt profile").get(name)
    if not isinstance(profile, dict) or not isinstance(profile.get("outputs"), dict):
        raise Problem(f"There is no profile {name}", where=str(path), do="copy it from profiles.example.yml")
    outputs = profile["outputs"]
    chosen = target or os.environ.get("DBT_TARGET") or _render(profile.get("target", "default"), "target", path)
    if chosen not in outputs:
        known = ", ".join(map(str, outputs))
        raise Problem(f"The profile {name} has no target {chosen}", where=str(path), do=f"use one of: {known}")
    if not isinstance(outputs[chosen], dict):
        raise Problem(f"The target {chosen} is empty", where=str(path), do="indent what belongs to it")
    values = {ALIASES.get(key, key): _render(value, str(key), path) for key, value in outputs[chosen].items()}
    if values.get("type") != "postgres":
        raise Problem(
            f"The target {chosen} is of type {values.get('type')}", where=str(path), do="use one of type postgres"
        )
    connection = _connection(values, str(chosen), path)
    _refuse_variables(connection, values)
    return connection


@contextmanager
def libpq(variables: Mapping[str, str]) -> Iterator[None]:
    """For the block, these variables in place of all of libpq's that say which server and how to reach it."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("PG") and name not in OF_THE_SESSION]:
        del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def elsewhere(connection: Connection) -> Iterator[Connection]:
    """A profile, for the block, that leads dbt to another place than the user's does; the password is not in it."""
    target = {
        **{name: value for name in OF_LIBPQ if (value := getattr(connection, name)) or name in ALWAYS},
        "type": "postgres",
        "threads": connection.threads,
        "autocommit": connection.autocommit,
        "schema": connection.audit_schema,
        "password": f"{{{{ env_var('{PASSWORD_VARIABLE}') }}}}",
        **({"role": '"{}"'.format(connection.role.replace('"', '""'))} if connection.role else {}),
    }
    os.environ[PASSWORD_VARIABLE] = connection.password
    try:
        with tempfile.TemporaryDirectory(prefix="cmsid-profile-") as folder:
            content = {_name(): {"target": TARGET, "outputs": {TARGET: target}}}
            Path(folder, FILE).write_text(json.dumps(content), "utf-8")
            yield replace(connection, target=TARGET, profiles_dir=Path(folder))
    finally:
        del os.environ[PASSWORD_VARIABLE]


def of_service(name: str) -> tuple[Connection, dict[str, str]]:
    """How to reach what an entry of pg_service.conf names: the connection, and libpq's variables for the rest of it."""
    with libpq({"PGSERVICE": name}):
        given = _of_service()
        user = given.get("user") or _libpq().get("user", "")
        variables = _variables(given)
    if given.keys() <= {"service"}:
        raise Problem(
            f"There is no service {name or 'without a name'}",
            do="give `embedded`, `here`, or the name of an entry of your pg_service.conf",
        )
    if not given.get("port", "5432").isdecimal():
        raise Problem(f"The service {name} names several servers", do="give the name of one that names one")
    for variable in ("PGSERVICE", "PGPASSWORD"):
        variables.pop(variable, None)
    told: dict[str, Any] = {name: given.get(name, "") for name in ("host", "password", "sslmode")}
    port, dbname = int(given.get("port", "5432")), given.get("dbname") or user
    return Connection(**told, port=port, user=user, dbname=dbname, service=name), variables


ALIASES = {"pass": "password", "database": "dbname"}


def find_profiles_dir() -> Path:
    """DBT_PROFILES_DIR if set, else the project itself if it holds a profiles.yml, else ~/.dbt, as dbt looks for it."""
    named = os.environ.get("DBT_PROFILES_DIR")
    if named:
        return Path(named).expanduser().absolute()
    return project() if (project() / FILE).exists() else Path.home() / ".dbt"


def _name() -> str:
    return os.environ.get("DBT_PROFILE") or str(settings(project()).get("profile", "cms_id_tracking"))


def write_profile() -> bool:
    """Copy the example to profiles.yml, unless dbt already finds a profile of our name. Returns whether it was written."""
    path = find_profiles_dir() / FILE
    is_there = path.exists() and _name() in read_yaml(path, "The dbt profile")
    # A folder that was named on purpose is the reader's own: what is missing there is for them to add.
    if os.environ.get("DBT_PROFILES_DIR") or is_there or (ROOT / FILE).exists():
        return False
    write_private(ROOT / FILE, (ROOT / "profiles.example.yml").read_text("utf-8"))
    return True


def _render(value: Any, key: str, path: Path) -> Any:
    """A value of the profile with its variables filled in, by the rules that dbt has for this file."""
    if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
        return value
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    def env_var(name: str, default: str | None = None) -> str:
        value = os.environ.get(name, default)
        if value is None:
            raise Problem(
                f"The dbt profile needs the environment variable {name} for `{key}`", where=str(path), do="set it"
            )
        return value

    environment = SandboxedEnvironment(undefined=StrictUndefined)
    environment.globals["env_var"] = env_var
    for conversion in ("as_text", "as_number", "as_bool", "as_native"):
        # They give dbt's values their type; ours get it from the field they are for.
        environment.filters[conversion] = str
    try:
        return environment.from_string(value).render()
    except TemplateError as error:
        if key == "password":
            # Passwords may look like templates; dbt takes such a one as it stands.
            return value
        raise Problem(
            f"The dbt profile's `{key}` cannot be rendered", where=str(path), do="correct its braces"
        ) from error


def _connection(values: Mapping[str, Any], target: str, path: Path) -> Connection:
    for name in ("host", "user", "dbname", "schema"):
        if values.get(name) in (None, ""):
            raise Problem(f"The target {target} has no {name}", where=str(path), do="add it")
    numbers = {"port": 5432, "connect_timeout": 10, "keepalives_idle": 0, "threads": 1}
    given: dict[str, Any] = {name: str(values.get(name) or "") for name in (*OF_LIBPQ, "password")}
    return Connection(
        **given | {name: _number(values, name, default, path) for name, default in numbers.items()},
        audit_schema=str(values["schema"]),
        autocommit=str(values.get("autocommit", False)).strip().lower() in ("true", "1", "yes", "on"),
        role=_role(str(values.get("role") or "").strip(), path),
        target=target,
        profiles_dir=path.parent,
    )


def _role(text: str, path: Path) -> str:
    """The name of the role that dbt means: it sends `set role` and this text."""
    if re.fullmatch(r'"([^"]|"")+"', text):
        return text[1:-1].replace('""', '"')
    if re.fullmatch(r"([^\W\d][\w$]*)?", text):
        return text.lower()
    raise Problem(
        f"The dbt profile's role is {text}, and PostgreSQL cannot read `set role {text}`, which dbt sends",
        where=str(path),
        do="put the name into double quotes of its own: role: '\"...\"'",
    )


def _refuse_variables(connection: Connection, values: Mapping[str, Any]) -> None:
    """Refuse what libpq's variables say and dbt does not follow, because its profile says otherwise."""
    refused = "dbt takes what its profile has instead"
    if os.environ.get("PGSERVICE"):
        given = connection._parameters()  # noqa: SLF001
        others = sorted(
            name
            for name, value in _of_service().items()
            if name in given and name not in ("application_name", "connect_timeout") and str(given[name]) != value
        )
        if others:
            raise Problem(
                f"The service {os.environ['PGSERVICE']} of PGSERVICE has another {', '.join(others)}, and {refused}",
                where=connection.describe(),
                do="set PGHOST, PGPORT, PGUSER, PGDATABASE and PGSSLMODE in place of PGSERVICE",
            )
    if os.environ.get("PGOPTIONS") and values.get("search_path"):
        raise Problem(f"PGOPTIONS is set, and {refused}, its search_path", do="remove search_path from the profile")
    if os.environ.get("PGLOADBALANCEHOSTS", "disable") != "disable":
        raise Problem(
            "PGLOADBALANCEHOSTS may lead each session to another server",
            do="unset it, and name one server in PGHOST",
        )


def _of_service() -> dict[str, str]:
    """What the service named by PGSERVICE says, by libpq's parameters."""
    name = os.environ.get("PGSERVICE")
    if not name:
        return {}
    found = _libpq()
    try:
        del os.environ["PGSERVICE"]
        others = _libpq()
    finally:
        os.environ["PGSERVICE"] = name
    return {parameter: value for parameter, value in found.items() if others.get(parameter) != value}


def _libpq() -> dict[str, str]:
    """What libpq takes where a parameter is not given: from the service, its variables, or its own defaults."""
    from psycopg import pq

    return {option.keyword.decode(): option.val.decode() for option in pq.Conninfo.get_defaults() if option.val}


def _variables(parameters: Mapping[str, Any]) -> dict[str, str]:
    """libpq's variables for its parameters."""
    from psycopg import pq

    names = {option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    return {names[name]: str(value) for name, value in parameters.items() if name in names}


def _number(values: Mapping[str, Any], name: str, default: int, path: Path) -> int:
    value = values.get(name)
    if value is None or value == "":
        return default
    try:
        return int(str(value))
    except ValueError as error:
        raise Problem(f"The dbt profile's {name} is not a whole number", where=str(path), do="correct it") from error


def connection_problem(error: psycopg.Error, where: str = "", service: str = "") -> Problem:
    """The sentence for a server that cannot be reached, refuses, or went away; of a service, where it is of one."""
    # A server's own message begins with its sentence. Without one, libpq tells what it tried, and the reason last, but
    # for what it guesses in lines with a tab or as a question, or where a password came from that was wrong.
    lines = [
        line.strip()
        for line in str(error).splitlines()
        if line.strip() and not line.startswith(("\t", "password retrieved from file")) and line.rstrip()[-1] != "?"
    ]
    reason = error.diag.message_primary or (lines[-1] if lines else "no reason given")
    reason = reason.rstrip(".").rpartition("FATAL:")[2].strip()
    told = "\n".join(lines)
    remedy = next(do for signs, do in REMEDIES.items() if re.search(signs, told))
    if service:  # no variable says anything of it
        for variable in ("set PGPASSWORD, or ", "PGPASSWORD, ", " (PGSSLMODE)"):
            remedy = remedy.replace(variable, "")
        remedy = remedy.replace("the dbt profile", f"the entry {service} of your pg_service.conf")
    return Problem(f"The database cannot be used: {reason}", where=where, do=remedy)


REMEDIES = {
    "Connection refused|No such file or directory": "start the server, or correct host and port in the dbt profile",
    "definition of service": "correct PGSERVICE or your pg_service.conf, or unset PGSERVICE",
    "could not translate host name|failed to resolve host": "correct the host in the dbt profile",
    "timeout expired": "check that the host is right and that no firewall stands between",
    "password authentication failed": "correct PGPASSWORD, ~/.pgpass or the dbt profile",
    "no password supplied": "set PGPASSWORD, or add the server to ~/.pgpass",
    "does not support SSL": "correct sslmode in the dbt profile (PGSSLMODE), or have the server speak SSL",
    "invalid sslmode value": "correct sslmode in the dbt profile (PGSSLMODE)",
    "root certificate file": "correct sslrootcert or sslmode in the dbt profile",
    "no pg_hba.conf entry": "allow this user and machine in the server's pg_hba.conf",
    "does not exist": "correct database and user in the dbt profile, or create them",
    "unsupported startup parameter": "unset PGOPTIONS, or connect to the server itself, not to a pooler",
    "too many clients|remaining connection slots": "close some connections, then run this again",
    "permission denied|must be owner": "connect as the role that owns the tables",
    "lock timeout": "wait until nobody holds the lock, then run this again",
    "deadlock detected": "run this again",
    "": "check the server and the dbt profile, then run this again",
}
