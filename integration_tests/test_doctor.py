"""The doctor: it names what stands in the way, `add_cms_id` refuses it in the same words, and neither changes anything."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import psycopg
import pytest
from rich.console import Console

from driver import sample_registry
from driver.dbt_project import CoreTable
from driver.doctor import CHECKS, Diagnosis, Finding, examine, print_diagnosis
from driver.errors import Problem
from driver.result import as_json
from driver.run import Options, Run
from quality import schemas
from support.local_rows import CORE_TABLES
from support.picture import differences, picture
from support.plan import plan_of
from support.registry import AUDIT_SCHEMA, OWNER, SUPERUSER, Registry, undone
from support.sample_project import SampleProject, connection_of

ROOT = Path(__file__).resolve().parents[1]
# What a role without more rights cannot know anywhere.
USUAL = {"disk_unknown"}


def diagnose(registry: Registry, user: str = OWNER, **variables: object) -> Diagnosis:
    """What the doctor says, having changed nothing."""
    with registry.connect(SUPERUSER) as connection:
        before = picture(connection)
        diagnosis = examine(connection_of(registry, user), SampleProject(variables=variables))
        assert differences(before, picture(connection)) == {}
    return diagnosis


def codes(diagnosis: Diagnosis) -> set[str]:
    """What kinds of things were found, but for what is found everywhere."""
    return {finding.code for finding in diagnosis.findings} - USUAL


def assert_refused(registry: Registry, mode: str = "window", **variables: object) -> Diagnosis:
    """Doctor and `add_cms_id` name the same reasons, but for those against a backup, and nothing is changed."""
    with registry.connect(SUPERUSER) as connection:
        before = picture(connection)
        diagnosis = examine(connection_of(registry), SampleProject(variables=variables))
        run = registry.dbt(
            "run-operation",
            "add_cms_id",
            "--args",
            f"{{mode: {mode}}}",
            variables={"require_backup": False, **variables},
        )
        assert run.code == 1, run.output
        assert "Nothing was changed" in run.output
        said = set(re.findall(r"add_cms_id: (.*)\. Nothing was changed", run.output)[0].split("; "))
        for finding in (f for f in diagnosis.against(mode) if f.code not in CHECKS["backup and way back"][1].split()):
            assert f"{finding.detail} ({finding.remedy})" in run.output, (finding, run.output)
            said -= set(f"{finding.detail} ({finding.remedy})".split("; "))
        assert said == set(), "add_cms_id has reasons that the doctor did not name"
        assert differences(before, picture(connection)) == {}
    return diagnosis


# ---- nothing wrong


def test_a_sound_registry_is_ready(registry: Registry) -> None:
    diagnosis = diagnose(registry)
    assert codes(diagnosis) == set()
    assert diagnosis.refusal("window") == diagnosis.refusal("online") == ""
    assert set(diagnosis.found) == set(CHECKS)
    assert set(diagnosis.estimates) == {"window", "online"}
    rows = sum(registry.counts[table] for table in CORE_TABLES)
    assert rows / 1.2 < diagnosis.estimates["window"].rows < rows * 1.2


def test_a_migrated_registry_has_nothing_left_to_do(migrated_registry: Registry) -> None:
    diagnosis = diagnose(migrated_registry)
    assert codes(diagnosis) == set()
    assert diagnosis.estimates == {}
    assert "migrated" in diagnosis.found["core tables"]


def test_every_finding_belongs_to_a_check() -> None:
    named = {code for _, of_check in CHECKS.values() for code in of_check.split()}
    texts = [path.read_text("utf-8") for path in (ROOT / "macros/preflight").glob("preflight_*.sql")]
    in_sql = {
        code for text in texts for code in re.findall(r"(?:select|distinct|\()\n\s+'(\w+)'(?: as finding)?,", text)
    }
    sources = "".join(
        (ROOT / "scripts/driver" / name).read_text("utf-8") for name in ("doctor.py", "backup/hindrances.py")
    )
    assert len(in_sql) > 30
    assert in_sql <= named
    assert {code for code in named - in_sql if f'"{code}"' not in sources} == set()
    with pytest.raises(LookupError, match="unheard_of"):
        Finding("unheard_of", "", "none", "", "")


def test_it_looks_without_any_right_but_to_read(registry: Registry) -> None:
    """In a read-only transaction, as a role that may connect and select, or not even that."""
    registry.execute("create role reader login password 'reader'", user=SUPERUSER)
    registry.server.passwords["reader"] = "reader"
    try:
        registry.execute("revoke temporary on database registry from public", user=SUPERUSER)
        blind = diagnose(registry, "reader")
        assert {"not_owner", "unread", "no_createdb", "audit_schema", "no_temporary_tables"} <= codes(blind)
        registry.execute("grant select on all tables in schema public to reader", user=SUPERUSER)
        seeing = diagnose(registry, "reader")
        assert "unread" not in codes(seeing)
        assert "not_owner" in codes(seeing)
        assert set(seeing.estimates) == {"window", "online"}
    finally:
        registry.execute("drop owned by reader; drop role reader", user=SUPERUSER)


def test_the_transaction_itself_refuses_to_write(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from driver import doctor

    monkeypatch.setattr(doctor, "render_macro", lambda *_, **__: "delete from public.schools")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        examine(connection_of(registry), SampleProject())


def test_a_log_that_may_not_be_read_is_told(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.execute("create role reader login password 'reader'", user=SUPERUSER)
    registry.server.passwords["reader"] = "reader"
    try:
        for grant, withheld in (
            ("select 1", "schema cms_id_audit"),
            ("grant usage on schema cms_id_audit to reader", "table migrations"),
        ):
            registry.execute(grant)
            (finding,) = (f for f in diagnose(registry, "reader").findings if f.code == "unread_log")
            assert finding.detail == f"the log of migrations may not be read: permission denied for {withheld}"
            assert finding.blocks == "none"
    finally:
        registry.execute("drop owned by reader; drop role reader", user=SUPERUSER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"port": 1}, "start the server, or correct host and port in the dbt profile"),
        ({"password": "wrong"}, "correct PGPASSWORD, ~/.pgpass or the dbt profile"),
        ({"dbname": "nowhere"}, 'database "nowhere" does not exist'),
        ({"host": "no.such.host.invalid"}, "correct the host in the dbt profile"),
    ],
)
def test_a_server_out_of_reach_is_one_sentence(registry: Registry, change: dict[str, object], said: str) -> None:
    with pytest.raises(Problem) as raised:
        examine(replace(connection_of(registry), **change), SampleProject())  # type: ignore[arg-type]
    message = raised.value.format_message()
    assert said in message and "\n" not in message and "wrong" not in message


def test_a_name_that_dbt_cannot_quote_is_refused_early(registry: Registry) -> None:
    registry.server.create_database("it's", OWNER)
    try:
        found = codes(examine(replace(connection_of(registry), dbname="it's"), SampleProject()))
        assert "database_name" in found
    finally:
        registry.server.drop_database("it's")


# ---- what is no table, or no table of this role


def another_in_its_place(table: str, definition: str) -> str:
    """SQL that puts something else under a table's name."""
    return f"alter table {table} rename to old_{table}; {definition}; alter table if exists {table} owner to {OWNER};"


NO_TABLES = {
    "missing_table": ("next_of_kins", "alter table next_of_kins rename to gone"),
    "not_a_table": (
        "student_education",
        another_in_its_place(
            "student_education", "create table student_education (like old_student_education) partition by range (id)"
        ),
    ),
    "not_a_table 2": (
        "module_prerequisites",
        another_in_its_place(
            "module_prerequisites", "create view module_prerequisites as select * from old_module_prerequisites"
        ),
    ),
    "not_a_table 3": (
        "programs",
        another_in_its_place(
            "programs",
            "create foreign data wrapper elsewhere; create server far foreign data wrapper elsewhere;"
            "create foreign table programs (id integer not null) server far",
        ),
    ),
    "not_a_table 4": (
        "modules",
        another_in_its_place("modules", "create materialized view modules as select * from old_modules"),
    ),
    "inherited": ("semester_modules", "create table special_modules () inherits (semester_modules)"),
    "typed_table": (
        "structures",
        another_in_its_place(
            "structures",
            "create type structure as (id integer); create table structures of structure (id with options primary key)",
        ),
    ),
    "columns_used_up": (
        "schools",
        (
            "do $$ begin"
            " execute (select format('alter table schools %s', string_agg(format('add x%s text', i), ', '))"
            "   from generate_series((select relnatts + 1 from pg_class where oid = 'schools'::regclass), 1600) as i);"
            " execute (select format('alter table schools %s', string_agg(format('drop %I', attname), ', '))"
            "   from pg_attribute where attrelid = 'schools'::regclass and attname ~ '^x[0-9]');"
            " end $$"
        ),
    ),
    "row_type_used": ("student_programs", "create table notes (about student_programs)"),
    "row_type_used 2": (
        "structure_semesters",
        (
            "create domain semester as structure_semesters; create type term as (name text, semesters semester[]);"
            "create domain draft as term; create table plans (id integer, drafts draft)"
        ),
    ),
    "not_owner": ("student_semesters", "alter table student_semesters owner to postgres"),
}


def test_what_is_no_table_of_ours_is_refused(registry: Registry) -> None:
    for _, statement in NO_TABLES.values():
        registry.execute(statement, user=SUPERUSER)
    diagnosis = assert_refused(registry)
    found = {(f.code, f.table) for f in diagnosis.findings if f.blocks == "both" and f.table}
    assert found == {(code.split()[0], table) for code, (table, _) in NO_TABLES.items()}
    kinds = {re.sub(".* is (.*), not .*", r"\1", f.detail) for f in diagnosis.findings if f.code == "not_a_table"}
    assert kinds == {"a partitioned table", "a view", "a foreign table", "a materialized view"}
    details = " ".join(finding.detail for finding in diagnosis.findings)
    assert "there is no table public.next_of_kins" in details
    assert "semester_modules is a partition, or inherits from or to special_modules" in details
    remedies = {finding.table: finding.remedy for finding in diagnosis.findings}
    assert "make it an ordinary table first" in remedies["student_education"]
    assert "no inherit" in remedies["semester_modules"]
    with pytest.raises(psycopg.errors.TooManyColumns):
        registry.execute("alter table schools add cms_id integer")


# ---- ids, names and what hangs on the tables


def test_a_domain_over_an_integer_is_an_integer(registry: Registry) -> None:
    registry.execute(
        "create domain number as integer; create domain positive as number check (value > 0); create domain word as text;"
        "alter table next_of_kins alter id type positive;"
        "alter table student_education alter id drop default, alter id type word"
    )
    diagnosis = assert_refused(registry)
    assert {(f.code, f.table, f.detail) for f in diagnosis.findings if f.blocks == "both"} == {
        ("id_type", "student_education", "student_education.id is text, not an integer")
    }


STRUCTURE = {
    "id_type": ("next_of_kins", "alter table next_of_kins alter id drop default, alter id type text"),
    "id_null": (
        "student_education",
        "alter table student_education drop constraint student_education_pkey, alter id drop not null",
    ),
    "id_not_unique": (
        "module_prerequisites",
        "alter table module_prerequisites drop constraint module_prerequisites_pkey",
    ),
    "id_missing": ("programs", "alter table programs rename id to program_id"),
    "constraint_name_taken": ("modules", "create index modules_cms_id_unique on modules (code)"),
    "row_security": (
        "structures",
        (
            "alter table structures enable row level security, force row level security;"
            "create policy few on structures using (id < 30)"
        ),
    ),
    "published": ("structure_semesters", "create publication everything_there for table structure_semesters"),
    "constraint_name_taken 2": ("schools", "alter table schools add constraint schools_cms_id_unique check (id > 0)"),
    "constraint_name_taken 3": ("semester_modules", "create table semester_modules_cms_id_unique ()"),
}
STRUCTURE_TOLD = (
    "module_prerequisites.id has no unique index",
    "student_education.id may be NULL",
    "the name semester_modules_cms_id_unique is taken",
    "row level security hides rows of structures",
    "structure_semesters is in the publication everything_there",
)


def test_what_the_catalogue_says_is_refused(registry: Registry) -> None:
    for _, statement in STRUCTURE.values():
        registry.execute(statement, user=SUPERUSER)
    diagnosis = assert_refused(registry)
    found = {(f.code, f.table) for f in diagnosis.findings if f.blocks == "both" and f.table}
    wanted = {(code.split()[0], table) for code, (table, _) in STRUCTURE.items()}
    assert found == wanted | {("id_not_unique", "student_education")}
    details = " ".join(finding.detail for finding in diagnosis.findings)
    assert [words for words in STRUCTURE_TOLD if words not in details] == []


@pytest.mark.thorough
def test_a_check_that_is_not_valid_is_refused_by_online_mode(registry: Registry) -> None:
    registry.execute("alter table schools add constraint named check (name <> '') not valid")
    (finding,) = assert_refused(registry, "online").against("online")
    assert "schools has rows for which nobody knows whether the constraint named" in finding.detail


def test_how_to_leave_a_publication_depends_on_its_kind(registry: Registry) -> None:
    registry.execute(
        "create publication of_one for table schools; create publication of_a_schema for tables in schema public;"
        " create publication of_all for all tables",
        user=SUPERUSER,
    )
    found = {
        finding.detail.split()[-1]: finding.remedy.partition("without it: ")[2]
        for finding in assert_refused(registry).findings
        if finding.code == "published" and finding.table == "schools"
    }
    assert found == {
        "of_one": "take the table out of the publication first",
        "of_a_schema": "take its schema out of the publication first, and put the other tables in by name",
        "of_all": "drop the publication before the baseline, since it takes in our own tables too, which no subscriber has,"
        " and create one of the other tables",
    }


def test_an_invalid_index_would_become_valid(registry: Registry) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        registry.execute("create unique index concurrently leftover on semester_modules (module_id)")
    diagnosis = assert_refused(registry)
    assert [(f.code, f.table, f.blocks) for f in diagnosis.against("window")] == [
        ("invalid_index", "semester_modules", "window")
    ]
    assert diagnosis.against("online") == []


@pytest.mark.thorough
def test_names_too_long_or_for_two(registry: Registry) -> None:
    pattern = "cms_id_of_the_table" * 4

    class Project(SampleProject):
        def core_tables(self) -> list[CoreTable]:
            return [CoreTable(name, "public", name, "id", pattern) for name in CORE_TABLES]

    blocking = examine(connection_of(registry), Project()).against("window")
    assert {finding.code for finding in blocking} == {"constraint_name_long", "constraint_name_shared"}
    run = registry.dbt("run-operation", "add_cms_id", variables={"cms_id_constraint": pattern})
    assert run.code == 1
    assert all(f"{finding.detail} ({finding.remedy})" in run.output for finding in blocking)


OTHER_COLUMNS = {
    "schools": ("text", "text, no unique constraint"),
    "modules": ("bigint unique", "bigint, constraint modules_cms_id_key"),
    "programs": ("integer", "integer, no unique constraint"),
}


def test_a_cms_id_that_is_there_is_refused(registry: Registry) -> None:
    for table, (column, _) in OTHER_COLUMNS.items():
        registry.execute(f"alter table {table} add column cms_id {column}")
    found = {f.table: f for f in assert_refused(registry).against("online")}
    assert {(f.code, f.table) for f in found.values()} == {("cms_id_exists", table) for table in OTHER_COLUMNS}
    for table, (_, told) in OTHER_COLUMNS.items():
        assert f"{table} has a column cms_id ({told})" in found[table].detail


def test_a_cms_id_whose_log_is_in_another_schema_is_refused(migrated_registry: Registry) -> None:
    """Otherwise a run would take a backup and fill a second schema before it finds out."""
    other = replace(connection_of(migrated_registry), audit_schema="another_schema")
    diagnosis = examine(other, SampleProject())
    (finding,) = diagnosis.against("window")
    assert finding.code == "cms_id_unlogged"
    assert (
        "a cms_id that no finished migration is known to have made, by the log of schema another_schema"
        in finding.detail
    )
    assert finding.detail.count(",") == 12
    assert "if its log is in cms_id_audit, name that as the schema in the dbt profile" in finding.remedy
    assert diagnosis.found["core tables"] == "12 ordinary tables"


# ---- values


def test_what_the_rows_say_is_refused(registry: Registry) -> None:
    registry.execute("alter table next_of_kins alter id type bigint")
    registry.execute("update next_of_kins set id = 2147483648 where id = (select max(id) from next_of_kins)")
    registry.execute("select setval('student_education_id_seq', 1)")
    registry.execute("alter table modules add column receipt serial; select setval('modules_receipt_seq', 1)")
    registry.execute("alter table schools add column cms_id integer unique")
    registry.execute("update schools set cms_id = 1000 - id")
    diagnosis = assert_refused(registry)
    found = {(f.code, f.table) for f in diagnosis.findings if f.blocks == "both"}
    assert found == {
        ("id_too_large", "next_of_kins"),
        ("sequence_behind", "next_of_kins"),
        ("sequence_behind", "student_education"),
        ("cms_id_values", "schools"),
        ("cms_id_unlogged", ""),
    }
    assert any("the ids of next_of_kins reach from" in f.detail for f in diagnosis.findings)
    assert "id_wider" in codes(diagnosis)
    wider = diagnose(registry, cms_id_type="bigint", allow_sequences_behind=True)
    assert {f.code for f in wider.against("window")} == {"cms_id_exists"}


def test_the_lowest_id_is_the_mark_of_online_mode(registry: Registry) -> None:
    registry.execute("update next_of_kins set id = -2147483648 where id = (select min(id) from next_of_kins)")
    diagnosis = assert_refused(registry, "online")
    (finding,) = diagnosis.against("online")
    assert (finding.code, finding.table) == ("id_is_mark", "next_of_kins")
    assert "next_of_kins has a row with the id -2147483648" in finding.detail
    assert diagnosis.against("window") == []


# ---- triggers and rules

TOUCH = """
create function touch() returns trigger language plpgsql as $$ begin new.created_at := now(); return new; end $$;
create trigger touched before update on schools for each row execute function touch();
create trigger of_a_column before update of name on modules for each row execute function touch();
create trigger switched_off before update on programs for each row execute function touch();
alter table programs disable trigger switched_off;
create rule quietly as on update to structures do also nothing;
"""


def test_what_would_fire_blocks_online_mode_only(registry: Registry) -> None:
    registry.execute(TOUCH)
    diagnosis = assert_refused(registry, "online")
    assert {(f.code, f.table) for f in diagnosis.against("online")} == {
        ("update_trigger", "schools"),
        ("update_rule", "structures"),
    }
    details = " ".join(finding.detail for finding in diagnosis.findings)
    assert "schools has the UPDATE trigger touched" in details
    assert "structures has the rule quietly on UPDATE" in details
    assert diagnosis.against("window") == []
    allowed = diagnose(registry, allow_update_triggers=True)
    assert [(f.code, f.blocks) for f in allowed.findings if f.table == "schools"] == [("update_trigger", "none")]


# ---- the server and other sessions


def test_an_older_snapshot_blocks_window_mode(registry: Registry) -> None:
    """A transaction that began to read before would see the rewritten tables empty, without an error."""
    with registry.connect(autocommit=False, application_name="long report") as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from terms")
        time.sleep(1.1)
        diagnosis = assert_refused(registry)
        (finding,) = diagnosis.against("window")
        assert finding.code == "old_snapshot"
        assert f"session {reader.info.backend_pid} of {OWNER} (long report" in finding.detail
        assert diagnosis.against("online") == []
    assert codes(diagnose(registry)) == set()


def test_an_older_snapshot_that_comes_later_meets_the_gate(baselined_registry: Registry) -> None:
    registry = baselined_registry
    plan = plan_of(registry)
    with registry.connect(autocommit=False) as reader, registry.connect() as migration:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select count(*) from terms")
        time.sleep(1.1)
        with pytest.raises(psycopg.errors.RaiseException, match="would be empty to the snapshot of session"):
            for step in plan:
                migration.execute(step.sql.encode())


def test_sessions_that_cannot_be_looked_into_block_window_mode(registry: Registry) -> None:
    """The application's role is another one, and a transaction of it that keeps a snapshot is hidden from the owner."""
    registry.execute("create role app_role login password 'app'", user=SUPERUSER)
    registry.server.passwords["app_role"] = "app"
    hidden = undone(
        registry,
        f"revoke pg_read_all_stats from {OWNER}",
        f"grant pg_read_all_stats to {OWNER}; drop role app_role",
    )
    with hidden:
        assert codes_of_owner(registry) == set()  # the application is stopped: nothing to say
        with registry.connect("app_role"):
            found = {f.code: f for f in examine(connection_of(registry), SampleProject()).findings}
            assert found["unseen_sessions"].blocks == "window"
            assert f"{OWNER} does not see whether sessions of app_role (1) read" in found["unseen_sessions"].detail
            assert f"grant pg_read_all_stats to {OWNER}" in found["unseen_sessions"].remedy
            run = registry.dbt("run-operation", "add_cms_id", variables={"require_backup": False})
            assert run.code == 1
            assert found["unseen_sessions"].detail in run.output
            allowed = examine(connection_of(registry), SampleProject(variables={"allow_unseen_sessions": True}))
            assert allowed.refusal("window") == ""
            registry.execute(f"grant pg_read_all_stats to {OWNER}", user=SUPERUSER)
            assert codes_of_owner(registry) == set()
            registry.execute(f"revoke pg_read_all_stats from {OWNER}", user=SUPERUSER)


def test_a_session_that_cannot_be_looked_into_and_comes_later_meets_the_gate(baselined_registry: Registry) -> None:
    registry = baselined_registry
    plan = plan_of(registry)
    with (
        undone(registry, f"revoke pg_read_all_stats from {OWNER}", f"grant pg_read_all_stats to {OWNER}"),
        registry.connect(SUPERUSER),
        registry.connect() as migration,
        pytest.raises(psycopg.errors.RaiseException, match=rf"would be empty to sessions of {SUPERUSER} \(1\)"),
    ):
        for step in plan:
            migration.execute(step.sql.encode())


def codes_of_owner(registry: Registry) -> set[str]:
    """What kinds of things the doctor finds where no superuser looks on."""
    return {finding.code for finding in examine(connection_of(registry), SampleProject()).findings} - USUAL


def test_a_role_or_database_that_may_not_is_refused(registry: Registry) -> None:
    registry.execute("revoke temporary on database registry from public", user=SUPERUSER)
    registry.execute("alter database registry owner to postgres", user=SUPERUSER)
    diagnosis = assert_refused(registry)
    wanted = {"no_temporary_tables", "audit_schema", "no_create_in_schema"}
    assert {f.code for f in diagnosis.against("window")} == wanted


def test_a_database_with_citus_is_refused(registry: Registry) -> None:
    registry.execute(  # its packages are not here, but its name in the catalogue is what is looked for
        "set allow_system_table_mods = on; insert into pg_catalog.pg_extension"
        " (oid, extname, extowner, extnamespace, extrelocatable, extversion) values (4242, 'citus', 10, 11, false, '13.0')",
        user=SUPERUSER,
    )
    for mode in ("window", "online"):
        assert {f.code for f in assert_refused(registry, mode).against(mode)} == {"citus"}


def test_autocommit_is_refused(registry: Registry) -> None:
    file = registry.profiles_dir / "profiles.yml"
    usual = file.read_text()
    diagnosis = examine(replace(connection_of(registry), autocommit=True), SampleProject())
    (finding,) = diagnosis.against("window")
    assert finding.code == "autocommit"
    file.write_text(usual + "      autocommit: true\n")
    try:
        # other vars: dbt keeps what it has parsed for them, and the others' stays as it is
        run = registry.dbt("run-operation", "add_cms_id", variables={"lock_attempts": 1})
    finally:
        file.write_text(usual)
    assert run.code == 1
    assert f"{finding.detail} ({finding.remedy})" in run.output


def test_too_little_disk_is_refused_where_it_is_known(registry: Registry) -> None:
    diagnosis = assert_refused(registry, server_disk_free="100 kB")
    assert [(f.code, f.blocks) for f in diagnosis.findings] == [("disk", "both")]
    assert codes(diagnose(registry, server_disk_free="100 GB")) == set()
    # whoever may know where the server's files are, and is on its machine, needs not say it
    known = diagnose(registry, SUPERUSER)
    assert "disk_unknown" not in {f.code for f in known.findings}
    assert "free on the server's disk" in known.found["disk"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no folder here in which nobody may make any")
def test_a_folder_in_which_no_backup_can_be_made_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for place in (Path("/proc"), file):
        monkeypatch.setenv("CMSID_BACKUPS", str(place / "backups"))
        diagnosis = diagnose(registry)
        (finding,) = diagnosis.against("window")
        assert finding.code == "disk_backups"
        assert f"no backup can be written to {place}: " in finding.detail
    monkeypatch.setenv("CMSID_BACKUPS", str(tmp_path / "backups"))
    assert codes(diagnose(registry)) == set()
    assert list(tmp_path.iterdir()) == [file]


def test_the_same_schema_for_ours_and_theirs_is_refused(registry: Registry) -> None:
    diagnosis = examine(replace(connection_of(registry), audit_schema="public"), SampleProject())
    assert [f.code for f in diagnosis.against("online")] == ["audit_schema_is_registry"]


def test_a_window_that_outlasts_its_budget_is_refused(registry: Registry) -> None:
    diagnosis = diagnose(registry, window_budget="1ms")
    assert codes(diagnosis) == {"window_budget"}
    assert "and window_budget is 1ms (use online mode" in diagnosis.refusal("window")
    assert diagnosis.refusal("online") == ""


def test_the_log_of_another_registry_is_refused(migrated_registry: Registry) -> None:
    with migrated_registry.connect() as connection:
        sample_registry.load(connection, 0.001, schema="campus_b")
    assert codes(diagnose(migrated_registry, registry_schema="campus_b")) == {"audit_schema_in_use"}


@pytest.mark.thorough
def test_a_second_registry_does_not_take_the_audit_schema_of_the_first(migrated_registry: Registry) -> None:
    registry = migrated_registry
    with registry.connect() as connection:
        sample_registry.load(connection, 0.001, schema="campus_b")
    other = {"require_backup": False, "registry_schema": "campus_b"}
    for mode in ("window", "online"):
        diagnosis = assert_refused(registry, mode, registry_schema="campus_b")
        assert [f.code for f in diagnosis.against(mode)] == ["audit_schema_in_use"]
        assert "cms_id_audit belongs to the registry in schema public" in diagnosis.refusal(mode)
    with registry.connect(SUPERUSER) as connection:
        before = picture(connection)
        for command in (
            ("snapshot", "--select", "row_counts_baseline"),
            ("run-operation", "drop_cms_id"),
            ("run-operation", "abandon_cms_id"),
            ("run", "--select", "origin_summary"),
        ):
            run = registry.dbt(*command, variables=other)
            assert run.code == 1, run.output
            assert "cms_id_audit belongs to the registry in schema public" in run.output
        assert differences(before, picture(connection)) == {}

    # the first one's tables, moved, are no second registry; and once undone, there is none in the way
    registry.execute("drop schema campus_b cascade; create schema campus_b")
    for table in CORE_TABLES:
        registry.execute(f"alter table public.{table} set schema campus_b")
    assert codes(diagnose(registry, registry_schema="campus_b")) == set()
    registry.dbt_ok("run-operation", "drop_cms_id", variables=other)
    with registry.connect() as connection:
        sample_registry.load(connection, 0.001, schema="campus_c")
    assert codes(diagnose(registry, registry_schema="campus_c")) == set()


def test_what_is_worth_knowing_blocks_nothing(registry: Registry) -> None:
    registry.execute(
        "create function nothing() returns event_trigger language plpgsql as $$ begin end $$;"
        f"alter function nothing owner to {OWNER};"
        "create event trigger watcher on ddl_command_end execute function nothing()",
        user=SUPERUSER,
    )
    with (
        undone(registry, f"alter role {OWNER} connection limit 4", f"alter role {OWNER} connection limit -1"),
        registry.connect(autocommit=False) as other,
    ):
        other.execute("select 1")
        diagnosis = diagnose(registry, lock_timeout="5s")
    assert codes(diagnosis) == {"event_trigger", "superusers_object", "connections", "lock_timeout"}
    # the event trigger is in the way of a restore, not of the migration
    assert {finding.code for finding in diagnosis.against("window")} == {"superusers_object"}


def test_without_the_servers_client_programs_there_is_no_run(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from driver.backup import pg_tools

    monkeypatch.setenv("PATH", "")
    for places in ("packaged_programs", "embedded_programs"):
        monkeypatch.setattr(pg_tools, places, list)
    diagnosis = diagnose(registry)
    assert [f.code for f in diagnosis.against("window")] == ["no_tools"]
    assert "no pg_dump of that version" in diagnosis.refusal("window")


def test_a_locked_table_does_not_keep_the_doctor(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    from driver import doctor

    monkeypatch.setattr(doctor, "LONGEST_WAIT", "100ms")
    with registry.connect(autocommit=False) as other:
        other.execute("lock table schools")
        diagnosis = examine(connection_of(registry), SampleProject())
    assert {(f.code, f.table) for f in diagnosis.findings} >= {("locked", "schools")}


def test_a_half_done_online_migration_is_told(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.execute(
        f"update {AUDIT_SCHEMA}.migrations set mode = 'online', state = 'indexed' where table_name = 'schools'"
    )
    diagnosis = diagnose(registry)
    assert [(f.code, f.blocks) for f in diagnosis.findings if f.code == "half_way"] == [("half_way", "window")]


# ---- as a user sees it


def test_the_table_tells_what_and_what_to_do(registry: Registry) -> None:
    console = Console(width=80, record=True, force_terminal=False)
    print_diagnosis(console, examine(connection_of(registry), SampleProject()))
    text = console.export_text()
    assert "READY: nothing stands in the way of window mode" in text
    assert "Estimate for" in text and "online mode" in text
    registry.execute(TOUCH)
    diagnosis = examine(connection_of(registry), SampleProject(), "online")
    diagnosis.estimates["online"] = replace(diagnosis.estimates["online"], lock_seconds=0.4)
    print_diagnosis(console, diagnosis)
    text = console.export_text()
    assert "400 ms" in text
    assert "BLOCKED: 2 findings stand in the way of online mode" in text
    assert "Nothing stands in the way of window mode" in text
    assert "which would fire for every row" in " ".join(text.split())

    blocked = json.loads(as_json(diagnosis))
    jsonschema.validate(blocked, schemas.schema("doctor"))
    assert (blocked["ready"], blocked["next_command"]) == (False, "scripts/cmsid doctor --mode online")
    assert {(one["code"], one["blocks"]) for one in blocked["findings"]} >= {("update_trigger", "online")}


def test_a_run_stops_at_the_doctor(registry: Registry) -> None:
    run = Run.__new__(Run)
    run.connection = connection_of(registry)
    run.options = Options()
    run._project = SampleProject()

    run.result = SimpleNamespace(mode="window", warnings=[])  # type: ignore[assignment]
    assert "nothing stands in the way" in run._doctor(None)  # type: ignore[arg-type]
    registry.execute("alter table schools add column cms_id text")
    with pytest.raises(Problem, match="schools has a column cms_id"):
        run._doctor(None)  # type: ignore[arg-type]
