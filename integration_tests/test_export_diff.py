"""Exports of equal data are equal to the byte, wherever they were made; what differs is found and shown by its key."""

from __future__ import annotations

import hashlib
import json
import stat
import threading
import tracemalloc
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import jsonschema
import pytest
from click.testing import CliRunner

from driver.cli import cmsid
from driver.commands.look import diff as diff_command
from driver.dbt_project import DbtProject
from driver.errors import Problem
from driver.export import MANIFEST, ExportedFile, ExportManifest, diff, export, read_manifest
from driver.result import as_json
from driver.sample_registry import TABLES
from quality import schemas
from support.backups import connection_of
from support.local_rows import CORE_TABLES
from support.waiting import until, waiting_for_a_lock

if TYPE_CHECKING:
    from pathlib import Path

    from driver.profile import Connection
    from support.registry import Registry

CHAINS = {"student_school_chain", "student_modules_chain", "assessment_marks_chain", "module_prerequisites_chain"}
NAMES = {f"{name}.csv" for name in CHAINS | {"row_counts", "marks_aggregates", "students_per_school"}} | {
    f"{table}_ids.csv" for table in CORE_TABLES
}
HEADERS = {
    "row_counts.csv": "tbl,cnt",
    "schools_ids.csv": "id",
    "student_school_chain.csv": "std_no,student_program_id,structure_id,structure_id_check,program_id,program_id_check,"
    "school_id,school_id_check,school_code",
    "student_modules_chain.csv": "std_no,student_program_id,student_semester_id,structure_semester_id,"
    "structure_semester_id_check,student_module_id,semester_module_id,semester_module_id_check,module_id,"
    "module_id_check,module_code",
    "assessment_marks_chain.csv": "assessment_mark_id,student_module_id,student_module_id_check,semester_module_id,"
    "module_id,assessment_id,assessment_module_id",
    "module_prerequisites_chain.csv": "prereq_id,semester_module_id,semester_module_id_check,main_module_id,"
    "main_module_code,prerequisite_id,prerequisite_id_check,prereq_module_id,prereq_module_code",
}
SETTINGS = {
    "timezone": "Asia/Kolkata",
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "extra_float_digits": "-5",
    "bytea_output": "escape",
    "client_encoding": "LATIN1",
    "search_path": "pg_catalog",
    "default_transaction_isolation": "serializable",
}
seen_on_any_server: dict[str, str] = {}


@pytest.fixture
def project(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> DbtProject:
    """The project as the driver reads it for this registry."""
    for name, value in registry.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_TARGET_PATH", str(registry.runner.folder / "target-of-runs"))
    return DbtProject(profiles_dir=registry.profiles_dir)


@pytest.fixture
def connection(registry: Registry) -> Connection:
    return connection_of(registry.server)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.csv")}


@pytest.mark.thorough
@pytest.mark.every_major
def test_equal_data_gives_equal_bytes_before_and_after_and_on_every_server(
    registry: Registry, connection: Connection, project: DbtProject, tmp_path: Path
) -> None:
    before, after = tmp_path / "pre", tmp_path / "post"
    manifest = export(connection, project, "pre", before)
    assert {path.name for path in before.iterdir()} == NAMES | {MANIFEST}
    assert {stat.S_IMODE(path.stat().st_mode) for path in before.iterdir()} == {0o600}
    assert stat.S_IMODE(before.stat().st_mode) == 0o700
    for name, header in HEADERS.items():
        assert (before / name).read_text("utf-8").splitlines()[0] == header
    counts = {file.name: file.rows for file in manifest.files}
    assert counts["student_modules_chain.csv"] == registry.counts["student_modules"]
    assert {table: counts[f"{table}_ids.csv"] for table in CORE_TABLES} == {
        table: registry.counts[table] for table in CORE_TABLES if table in TABLES
    }
    assert read_manifest(before) == manifest
    with pytest.raises(Problem, match="nothing to export of after the migration"):
        export(connection, project, "post", after)
    assert not after.exists()

    for name, value in SETTINGS.items():
        registry.execute(f"alter database registry set {name} = '{value}'")
    registry.dbt_ok("snapshot")
    registry.dbt_ok("run-operation", "add_cms_id", variables={"require_backup": False})
    export(connection, project, "post", after)
    assert digests(before) == digests(after)
    assert all(file.identical for file in diff(before, after))
    assert (seen_on_any_server or digests(before)) == digests(before)
    seen_on_any_server.update(digests(before))

    with pytest.raises(Problem, match="can no longer be exported"):
        export(connection, project, "pre", before)
    assert read_manifest(before) == manifest


@pytest.mark.thorough
def test_a_migration_that_commits_meanwhile_leaves_no_empty_file(
    registry: Registry, connection: Connection, project: DbtProject, tmp_path: Path
) -> None:
    manifests: list[ExportManifest] = []
    refused: list[Problem] = []

    def export_phase(phase: str) -> None:
        try:
            manifests.append(export(connection, project, phase, tmp_path / phase))
        except Problem as problem:
            refused.append(problem)

    exporting = [threading.Thread(target=export_phase, args=[phase]) for phase in ("pre", "post")]
    with registry.connect(autocommit=False) as migration:
        migration.execute("alter table schools add cms_id integer")
        migration.execute("alter table schools alter cms_id type integer using id")
        for thread in exporting:
            thread.start()
        until(lambda: waiting_for_a_lock(registry) >= len(exporting))
    for thread in exporting:
        thread.join()
    counts = [{file.name: file.rows for file in manifest.files} for manifest in manifests]
    assert [count["schools_ids.csv"] for count in counts] == [registry.counts["schools"]]
    assert ["can no longer be exported" in problem.what for problem in refused] == [True]


@dataclass
class Change:
    """A change to the registry.

    Attributes:
        statement: makes it.
        shown: file -> what the differing rows are told to be, in part; every other file is identical.
    """

    statement: str
    shown: dict[str, list[str]]


CHANGES = {
    "a row is gone": Change(
        "delete from next_of_kins where id = (select min(id) from next_of_kins)",
        {"row_counts": ["tbl next_of_kins: cnt '5' → '4'"], "next_of_kins_ids": ["the row is missing"]},
    ),
    "a row is new": Change(
        "insert into schools (id, code, name) values (777, 'NEW', 'New')",
        {"row_counts": ["tbl schools: cnt '3' → '4'"], "schools_ids": ["id 777: the row is additional"]},
    ),
    "a row has another id": Change(
        "update student_education set id = 7777777 where id = (select min(id) from student_education)",
        {"student_education_ids": ["the row is missing", "id 7777777: the row is additional"]},
    ),
    "a programme goes to another school": Change(
        "update programs set school_id = (select max(id) from schools) where school_id = (select min(id) from schools)",
        {
            "student_school_chain": ["school_id '2' → '5', school_id_check '2' → '5'"],
            "students_per_school": ["missing"],
        },
    ),
    "a student programme goes to another student": Change(
        "update student_programs set std_no = (select max(std_no) from students)"
        " where id = (select min(id) from student_programs)",
        {
            "student_school_chain": ["student_program_id 2001: std_no '901000001' →"],
            "student_modules_chain": ["std_no '901000001' →"],
        },
    ),
    "a student module is another module's": Change(
        "update student_modules set semester_module_id = (select max(id) from semester_modules)"
        " where id = (select max(student_module_id) from assessment_marks)",
        {"student_modules_chain": ["semester_module_id '"], "assessment_marks_chain": ["semester_module_id '"]},
    ),
    "a mark is another": Change(
        "update student_modules set marks = '100.5' where id = (select min(id) from student_modules)",
        {"marks_aggregates": ["total_marks"]},
    ),
    "an assessment's mark is another student module's": Change(
        "update assessment_marks set student_module_id = (select max(id) from student_modules)"
        " where id = (select min(id) from assessment_marks)",
        {"assessment_marks_chain": ["assessment_mark_id 4001: student_module_id '"]},
    ),
    "a prerequisite is another": Change(
        "update module_prerequisites set prerequisite_id = (select max(id) from semester_modules)"
        " where id = (select min(id) from module_prerequisites)",
        {"module_prerequisites_chain": ["prerequisite_id '"]},
    ),
    "a school has another code": Change(
        "update schools set code = E'A,\"\\n' where id = (select min(id) from schools)",
        {"student_school_chain": ["school_code 'FA' → 'A,\"\\n'"], "students_per_school": ["FA"]},
    ),
}


def test_each_of_ten_changes_is_found_and_shown_by_key(
    registry: Registry, connection: Connection, project: DbtProject, tmp_path: Path
) -> None:
    assert len(CHANGES) == 10
    export(connection, project, "pre", tmp_path / "pre")
    registry.server.drop_database("unchanged")
    registry.server.create_database("unchanged", template="registry")
    for title, change in CHANGES.items():
        registry.server.drop_database("registry")
        registry.server.create_database("registry", "registry_owner", template="unchanged")
        registry.execute(change.statement)
        export(connection, project, "pre", tmp_path / "post")
        differing = {
            file.name.removesuffix(".csv"): file
            for file in diff(tmp_path / "pre", tmp_path / "post")
            if not file.identical
        }
        assert set(differing) == set(change.shown), title
        for name, parts in change.shown.items():
            told = "\n".join(row.sentence for row in differing[name].differences)
            assert differing[name].count >= 1, title
            for part in parts:
                assert part in told, f"{title}, {name}: {told}"
    registry.server.drop_database("unchanged")


def write(folder: Path, name: str, text: str, stated: str | None = None) -> None:
    """A file of an export, and a manifest if one is to state what it held."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    if stated is not None:
        digest = hashlib.sha256(stated.encode()).hexdigest()
        files = [ExportedFile(name, 1, len(stated), digest)]
        (folder / MANIFEST).write_text(as_json(ExportManifest("pre", "", "", "", "", {}, files)))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("id\n1\n", "no\n1\n", "the columns differ: id → no"),
        ("id\n1\n", 'id\n"1"\n', "the rows are the same, but they are written differently"),
        ("id\n1\n", "", "the columns differ"),
    ],
)
def test_files_that_cannot_be_told_equal_are_different(tmp_path: Path, before: str, after: str, reason: str) -> None:
    write(tmp_path / "pre", "schools_ids.csv", before)
    write(tmp_path / "post", "schools_ids.csv", after)
    (file,) = diff(tmp_path / "pre", tmp_path / "post")
    assert not file.identical
    assert reason in file.reason


def test_a_file_missing_on_either_side_is_a_difference(tmp_path: Path) -> None:
    write(tmp_path / "pre", "schools_ids.csv", "id\n1\n")
    write(tmp_path / "pre", "programs_ids.csv", "id\n1\n")
    write(tmp_path / "post", "schools_ids.csv", "id\n1\n")
    write(tmp_path / "post", "modules_ids.csv", "id\n1\n")
    reasons = {file.name: file.reason for file in diff(tmp_path / "pre", tmp_path / "post")}
    assert reasons == {
        "schools_ids.csv": "",
        "programs_ids.csv": "missing in post",
        "modules_ids.csv": "missing in pre",
    }


def test_a_file_changed_by_hand_is_told(tmp_path: Path) -> None:
    write(tmp_path / "pre", "schools_ids.csv", "id\n2\n", stated="id\n1\n")
    write(tmp_path / "post", "schools_ids.csv", "id\n2\n")
    (file,) = diff(tmp_path / "pre", tmp_path / "post")
    assert not file.identical
    assert file.reason == "changed after it was exported to pre"


@pytest.mark.parametrize("text", ["id\n2\n1\n", "id\n1\nx\n", "id\n1\n\n", "id\n1,2\n"])
def test_a_file_that_is_not_as_it_should_be_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    write(tmp_path / "pre", "schools_ids.csv", text)
    write(tmp_path / "post", "schools_ids.csv", "id\n1\n")
    with pytest.raises(Problem, match="export it again"):
        list(diff(tmp_path / "pre", tmp_path / "post"))


def test_a_file_in_another_encoding_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for folder, text in (("pre", "id,name\n1,Café\n"), ("post", "id,name\n1,Cafe\n")):
        write(tmp_path / folder, "schools_ids.csv", text)
        (tmp_path / folder / "schools_ids.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(Problem, match="no CSV file in UTF-8"):
        list(diff(tmp_path / "pre", tmp_path / "post"))


def test_without_an_export_there_is_nothing_to_compare(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"There is no export .*run `scripts/cmsid export --phase pre` before"):
        list(diff(tmp_path / "pre", tmp_path / "post"))
    write(tmp_path / "pre", "schools_ids.csv", "id\n1\n")
    write(tmp_path / "post", "unknown.txt", "")
    with pytest.raises(Problem, match=r"There is no export .*run `scripts/cmsid export --phase post` after"):
        list(diff(tmp_path / "pre", tmp_path / "post"))


def test_an_export_older_than_the_one_before_it_is_refused(tmp_path: Path) -> None:
    folders = tmp_path / "pre", tmp_path / "post"
    for folder, phase, taken_at in zip(folders, ("pre", "post"), ("T11:00:00Z", "T10:00:00Z"), strict=True):
        write(folder, "schools_ids.csv", "id\n1\n", stated="id\n1\n")
        manifest = read_manifest(folder)
        assert manifest
        (folder / MANIFEST).write_text(as_json(replace(manifest, phase=phase, taken_at="2026-01-31" + taken_at)))
    with pytest.raises(Problem, match=r"10:00:00 UTC\) is older than that of before it \(2026-01-31 11:00:00 UTC"):
        list(diff(*folders))
    result = CliRunner().invoke(diff_command, [str(folder) for folder in reversed(folders)])
    assert "IDENTICAL" in result.output
    assert "Before: 2026-01-31 10:00:00 UTC. After: 2026-01-31 11:00:00 UTC." in result.output


def test_the_command_shows_rows_up_to_a_limit_and_ends_with_one(tmp_path: Path) -> None:
    ids = list(range(1, 101))
    write(tmp_path / "pre", "schools_ids.csv", "id\n" + "\n".join(map(str, ids)) + "\n")
    write(tmp_path / "post", "schools_ids.csv", "id\n" + "\n".join(map(str, ids[50:])) + "\n")
    result = CliRunner().invoke(
        diff_command, [str(tmp_path / "pre"), str(tmp_path / "post"), "--limit", "2"], standalone_mode=False
    )
    assert result.return_value == 1
    assert "DIFFERENT  50 of 100 rows" in result.output
    assert "  schools_ids: 50 of 100 rows, missing; keys 1 to 50, without a gap\n" in result.output
    assert "id 1: the row is missing" in result.output
    assert "… 48 more" in result.output
    assert "0 of 1 files are identical." in result.output

    words = [diff_command.name, *map(str, (tmp_path / "pre", tmp_path / "post")), "--limit", "2", "--format", "json"]
    told = json.loads(CliRunner().invoke(cmsid, words, standalone_mode=False).stdout)  # type: ignore[arg-type]
    jsonschema.validate(told, schemas.schema("diff"))
    (file,) = told["files"]
    assert [row["key"] for row in file["differences"]] == ["id 1", "id 2"]
    assert (told["identical"], file["count"], told["next_command"]) == (False, 50, "scripts/cmsid report --validate")


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    rows = 50_000
    for folder, code in (("pre", "A"), ("post", "B")):
        lines = (f"{number},1,1,1,1,1,1,1,{code}" for number in range(1, rows + 1))
        header = HEADERS["module_prerequisites_chain.csv"]
        write(tmp_path / folder, "module_prerequisites_chain.csv", header + "\n" + "\n".join(lines) + "\n")
    tracemalloc.start()
    (file,) = diff(tmp_path / "pre", tmp_path / "post")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert file.count == rows
    assert most < 3e6  # the two files are 2 MB together, and 50,000 differences were found
