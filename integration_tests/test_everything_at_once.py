"""A registry that has everything at once is refused with the whole list of reasons, or goes the whole way and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import majors
from driver.doctor import examine
from support.backups import cmsid, connection_of, drop_all, drop_template, prepare_template
from support.extensions import available
from support.picture import differences, picture_of
from support.registry import AUDIT_SCHEMA, OWNER, SUPERUSER, Registry
from support.runs import Runner
from support.sample_project import SampleProject
from support.sample_project import connection_of as project_connection_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPPORT = Path(__file__).parent / "support"
OWNERS, SUPERUSERS = (SUPPORT / "every_kind_of_object.sql").read_text().split("-- what only a superuser can make\n")
SPELLING = (SUPPORT / "written_otherwise.sql").read_text()
ROLES_AND_EXTENSIONS = (SUPPORT / "roles_and_extensions.sql").read_text()
ROLES = ("registrar", "clerk")
# kinds whose text the server writes otherwise once it has read it; what they mean is compared by the restore itself
WRITTEN = {"relation", "column", "constraint", "index", "trigger", "rule", "policy", "function"}
GIVE, MADE = f"{OWNER} may not give anything to ", "only a superuser may create the "
BEYOND_OWNER = {
    GIVE + "clerk, the owner of materialized view clerks.known, schema clerks, table clerks.notes",
    GIVE + "clerk, the owner of table clerks.first_notes",
    GIVE + 'postgres, the owner of foreign table "Other ""schema""".remote, function "Other ""schema""".odd_handler(),'
    " function public.in_c(), publication every_table",
    GIVE + "registrar, the owner of schema registrars, table registrars.likenesses",
    GIVE + "registrar, the owner of table registrars.decisions, view registrars.open_decisions",
    MADE + "access method odd_heap",
    MADE + "event trigger ddl",
    MADE + "foreign data wrapper nowhere",
    MADE + "foreign server far",
    MADE + 'function in the language c "Other ""schema""".odd_handler(), public.in_c()',
    MADE + "language odd_language",
    MADE + 'operator family "Other ""schema"""."Odd family" USING hash',
    MADE + "publication every_table",
    (
        f"{OWNER} may not read clerks.first_notes, clerks.notes, registrars.decisions, registrars.likenesses,"
        " and the backup reads everything"
    ),
    f"{OWNER} may not use the schema clerks, registrars, and the backup reads everything",
}


EVERY_WAY = [("window", "undo --yes"), ("online", "restore --yes"), ("window", "restore --in-place --yes")]
# each mode, and each way back but the copy beside, which every run's test restore makes and compares
ON_OLDER_MAJORS = [("online", "undo --yes"), ("window", "restore --in-place --yes")]


@pytest.fixture
def registry_of_three(registry: Registry) -> Iterator[Registry]:
    """A registry beside which two other roles have objects."""
    for role in ROLES:
        registry.execute(f"create role {role}", user=SUPERUSER)
    yield registry
    drop_all(registry.server, registry.dbname)
    drop_template(registry.server, registry.dbname)
    with registry.server.connect() as session:
        for role in ROLES:
            session.execute(f"drop role {role}".encode())


def _fill(registry: Registry, *, superusers: bool = True) -> None:
    registry.execute(OWNERS)
    registry.execute(SPELLING)
    if superusers:
        registry.execute('set search_path = "Other ""schema""", public;' + SUPERUSERS, user=SUPERUSER)
    registry.execute(ROLES_AND_EXTENSIONS, user=SUPERUSER)


@pytest.mark.every_major
def test_an_owner_is_told_all_that_a_superuser_has_made(registry_of_three: Registry) -> None:
    _fill(registry_of_three)
    said = examine(project_connection_of(registry_of_three), SampleProject()).of_check("backup and way back")
    assert {f.blocks for f in said} == {"both"}
    brought = [name for name in ("pgstattuple", "vector") if name in available(registry_of_three.server)]
    assert {f.detail for f in said} == {
        f"the extension {', '.join(['measures', *brought])} cannot be made anew: it is not trusted, so only a superuser may create it",
        *BEYOND_OWNER,
    }


@pytest.mark.thorough
@pytest.mark.every_major
def test_all_of_it_ends_well(
    registry_of_three: Registry, major: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = EVERY_WAY if major == majors()[-1] else ON_OLDER_MAJORS
    ends_well(OWNER, ways, registry_of_three, tmp_path, monkeypatch)


@pytest.mark.thorough
def test_it_does_by_a_superuser(registry_of_three: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends_well(SUPERUSER, EVERY_WAY, registry_of_three, tmp_path, monkeypatch)


def ends_well(
    user: str,
    ways: list[tuple[str, str]],
    registry_of_three: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every mode passes for a role, and every way back leaves all as it was."""
    registry = replace(registry_of_three, user=user)
    _fill(registry, superusers=user == SUPERUSER)
    if user == SUPERUSER:
        registry.execute("drop publication every_table", user=SUPERUSER)  # no new column is replicated
    else:
        registry.execute(f"grant {', '.join(ROLES)} to {OWNER}", user=SUPERUSER)
        prepare_template(registry.server, connection_of(registry.server))
    monkeypatch.setenv("CMSID_BACKUPS", str(tmp_path / "backups"))
    environment = {
        **registry.environment,
        "CMSID_BACKUPS": str(tmp_path / "backups"),
        "DBT_PROFILES_DIR": str(registry.profiles_dir),
    }
    before = picture_of(registry, AUDIT_SCHEMA)
    for mode, way_back in ways:
        Runner(registry, tmp_path / "reports", monkeypatch).go(mode=mode).passed()
        back = cmsid(*way_back.split(), environment=environment)
        assert back.returncode == 0, f"{way_back}: {back.stdout}{back.stderr}"
        after = picture_of(registry, AUDIT_SCHEMA)
        after.pop(("schema", AUDIT_SCHEMA))
        assert before.keys() == after.keys()
        assert {kind for kind, _ in differences(before, after)} <= (set() if way_back.startswith("undo") else WRITTEN)
