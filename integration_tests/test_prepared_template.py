"""Where a superuser has prepared a template, an ordinary role restores what it could not make; what that leaves unproven is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from driver.backup import prepared, restore, take
from driver.backup.session import pinned
from driver.backup.take import take_backup
from driver.doctor import examine
from driver.errors import Problem
from support.backups import connection_of, drop_all, drop_template, prepare_template
from support.extensions import skip_without
from support.picture import differences, picture_of
from support.registry import AUDIT_SCHEMA, OWNER, SUPERUSER, Registry
from support.sample_project import SampleProject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from driver.profile import Connection

SUPERUSERS = {
    "an extension": "create extension vector",
    "an extension in a schema of its own": f"create schema ext; grant usage on schema ext to {OWNER}; create extension vector schema ext",
    "an extension in a schema of the owner": f"create schema ext authorization {OWNER}; create extension vector schema ext",
    "casts": "create cast (integer as text) with inout as implicit; create cast (bytea as text) without function as assignment;"
    "create function corner(box) returns integer language internal immutable strict as 'box_in';"
    "create cast (box as integer) with function corner(box)",
    "a function in C": "create function norm(value text, text default '') returns text language internal immutable strict as 'lower';"
    f"comment on function norm is 'x'; revoke all on function norm from public; grant execute on function norm to {OWNER}",
}
QUICK = {"an extension in a schema of its own"}
OWNERS = """
create table notes (id integer primary key, body text); insert into notes values (1, 'A');
create view shown as select * from notes;
"""


@pytest.fixture
def connection(empty_registry: Registry) -> Iterator[Connection]:
    """A database whose templates and copies go after the test."""
    yield connection_of(empty_registry.server)
    drop_template(empty_registry.server, "registry")
    drop_all(empty_registry.server, "registry__")


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.thorough) for n in SUPERUSERS]
)
def test_an_ordinary_role_proves_and_restores_what_a_superuser_made(
    name: str, empty_registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    skip_without(empty_registry.server, SUPERUSERS[name])
    empty_registry.execute(SUPERUSERS[name], user=SUPERUSER)
    empty_registry.execute(OWNERS)
    before = picture_of(empty_registry, AUDIT_SCHEMA)
    backup = take_backup(connection, directory=tmp_path)
    with pytest.raises(Problem):
        take.verify_backup(connection, backup)
    prepare_template(empty_registry.server, connection)
    assert take.verify_backup(connection, backup).verification
    empty_registry.execute("drop table notes cascade")
    restored = restore.restore(connection, backup, directory=tmp_path)
    assert restored.replaced
    assert differences(before, picture_of(empty_registry, AUDIT_SCHEMA)).keys() <= {("schema", AUDIT_SCHEMA)}


@pytest.mark.thorough
def test_rows_of_an_extension_are_left_out_and_said_to_be_unproven(
    empty_registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    empty_registry.execute("create extension configured", user=SUPERUSER)
    empty_registry.execute("grant select on configured_rows to public", user=SUPERUSER)
    empty_registry.execute(OWNERS)
    empty_registry.execute("insert into configured_rows values (2, 'of the site')", user=SUPERUSER)
    prepare_template(empty_registry.server, connection)
    backup = take_backup(connection, directory=tmp_path, verify=True)
    said = "rows of public.configured_rows"
    assert backup.verification is not None
    assert said in "; ".join(backup.verification.apart)
    empty_registry.execute("delete from notes")
    in_place = restore.restore(connection, backup, directory=tmp_path, in_place=True)
    assert said in "; ".join(in_place.apart)
    assert empty_registry.rows("select kind from configured_rows order by id") == [("own",), ("of the site",)]
    beside = restore.restore(connection, backup, directory=tmp_path)
    assert said in "; ".join(beside.apart)
    assert empty_registry.value("select count(*) from notes") == 1


def test_the_doctor_blocks_prints_the_statements_and_is_ready_once_they_were_run(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSID_BACKUPS", str(tmp_path))
    skip_without(registry.server, "create extension vector")
    registry.execute(SUPERUSERS["an extension in a schema of its own"], user=SUPERUSER)
    connection, project = connection_of(registry.server), SampleProject()
    blocked = examine(connection, project)
    extension, schema = blocked.of_check("backup and way back")
    assert [(f.code, f.blocks) for f in (extension, schema)] == [("extension", "both"), ("owned_by_another", "both")]
    assert "template" in extension.remedy
    assert all("--without-test-restore" in f.remedy for f in (extension, schema))
    assert any(line.startswith("create extension vector ") for line in blocked.template)
    # A way back is left in place, so a run may go without the proof.
    assert examine(connection, project, test_restore=False).against("window") == []
    try:
        prepare_template(registry.server, connection)
        ready = examine(connection, project)
        assert ready.against("window") == []
        assert [f.blocks for f in ready.of_check("backup and way back")] == ["none", "none"]
        assert take_backup(connection, directory=tmp_path, verify=True).verification
        assert ready.template == []
        with registry.server.connect(prepared.template_name("registry")) as session:
            session.execute("drop extension vector")
        unfit = examine(connection, project)
        assert {f.code for f in unfit.of_check("backup and way back")} == {"extension", "owned_by_another", "template"}
        assert "it lacks" in " ".join(f.detail for f in unfit.findings)
        assert unfit.template == blocked.template
    finally:
        drop_template(registry.server, "registry")


@pytest.mark.thorough
def test_a_restore_beside_that_may_not_make_something_names_the_other_ways(
    empty_registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    empty_registry.execute("create cast (integer as text) with inout as implicit", user=SUPERUSER)
    backup = take_backup(connection, directory=tmp_path)
    refused = (
        r"CAST \(integer AS text\): must be owner .*the live database is as it was; have a superuser .* --in-place`"
    )
    with pytest.raises(Problem, match=refused):
        restore.restore(connection, backup, directory=tmp_path)
    restore.restore(connection, backup, directory=tmp_path, in_place=True)


PROBLEMS = {
    "mark": ("alter database {template} is_template false", "not marked with IS_TEMPLATE"),
    "stranger": ("create table stray (id integer)", "it holds the table public.stray"),
    "version": (
        "drop extension vector; create schema other; create extension vector schema other",
        "the extension vector",
    ),
    "function": ("create function extra() returns integer language sql as 'select 1'", "the function public.extra()"),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "stranger" else pytest.mark.thorough) for name in PROBLEMS]
)
def test_a_template_that_does_not_fit_is_not_used_and_said_to_be_unfit(
    name: str, empty_registry: Registry, connection: Connection, tmp_path: Path
) -> None:
    statement, told = PROBLEMS[name]
    skip_without(empty_registry.server, "create extension vector")
    empty_registry.execute("create extension vector", user=SUPERUSER)
    prepare_template(empty_registry.server, connection)
    template = prepared.template_name(connection.dbname)
    backup = take_backup(connection, directory=tmp_path)
    with pinned(connection) as session:
        fit = prepared.find_template(connection, session, backup.manifest)
        assert fit == prepared.find_template(connection, session)
        assert fit is not None
        assert fit.problems == []
        assert "extension vector" in fit.objects
        with empty_registry.server.connect(template) as other:
            other.execute(statement.format(template=template).encode())
        unfit = prepared.find_template(connection, session)
        assert unfit is not None
        assert any(told in problem for problem in unfit.problems)
        latin = replace(backup.manifest, state={**backup.manifest.state, "encoding": "LATIN1"})
        of_another_kind = prepared.find_template(connection, session, latin)
        assert of_another_kind is not None
        assert any("encoding" in problem for problem in of_another_kind.problems)
    with pytest.raises(Problem, match="vector"):
        take_backup(connection, directory=tmp_path, verify=True)


def test_two_long_names_have_two_templates_within_a_names_length() -> None:
    names = {prepared.template_name("x" * 60 + end) for end in ("aaa", "aab", "aä")}
    assert len(names) == 3
    assert all(len(name.encode()) < 64 for name in names)
