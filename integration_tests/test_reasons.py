"""What PostgreSQL, its programs and dbt say of a failure is told whole: the object, the reason, the hint, the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from driver.backup import hindrances, pg_tools
from driver.backup.take import take_backup
from driver.dbt_project import DbtProject
from driver.dbt_step import DbtStep
from driver.errors import Problem, why
from support.backups import connection_of, drop_all
from support.registry import NO_BACKUP, OWNER

if TYPE_CHECKING:
    from pathlib import Path

    from driver.embedded_server import EmbeddedServer
    from support.registry import Registry

UNPREPARED = """
create table people (id integer primary key, name text);
create function plain(text) returns text language sql immutable as $$ select lower($1) $$;
create function norm(text) returns text language plpgsql immutable as $$ begin return plain($1); end $$;
"""
# What a restore fails at, because its sessions have no search_path, and how the failure names it.
NEED_A_SEARCH_PATH = {
    "create index people_norm on people (norm(name))": "INDEX people_norm: function plain(text) does not exist",
    "alter table people add slug text generated always as (norm(name)) stored": "TABLE DATA people: function plain(text)",
    "alter table people add check (norm(name) <> '')": "TABLE DATA people: function plain(text) does not exist",
    "create materialized view norms as select norm(name) from people": "MATERIALIZED VIEW DATA norms: function plain(",
}


@pytest.mark.parametrize("statement", NEED_A_SEARCH_PATH)
def test_what_does_not_restore_is_named_with_its_function_and_hint(
    statement: str, server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hindrances, "require", lambda *_, **__: None)  # which would say it before
    server.drop_database("unprepared")
    server.create_database("unprepared", OWNER)
    with server.connect("unprepared", OWNER) as session:
        session.execute(UNPREPARED.encode())
        session.execute(statement.encode())
        session.execute("insert into people (id, name) values (1, 'A secret')")
    with pytest.raises(Problem) as refused:
        take_backup(connection_of(server, "unprepared"), directory=tmp_path, verify=True)
    drop_all(server, "unprepared")
    text = refused.value.format_message()
    assert NEED_A_SEARCH_PATH[statement] in text
    assert "(in PL/pgSQL function public.norm(text) line 1 at RETURN" in text
    assert "might need to add explicit type casts" in text
    assert "secret" not in text


@pytest.mark.parametrize(
    ("program", "lines", "reason"),
    [
        (
            "pg_restore",
            [
                "pg_restore: error: pg_restore: launching item 3383 CONSTRAINT terms terms_pkey",
                "could not execute query: ERROR:  function plain(text) does not exist",
            ],
            "function plain(text) does not exist",
        ),
        (
            "pg_restore",
            [
                "pg_restore: while PROCESSING TOC:",
                "pg_restore: from TOC entry 3300; 2606 16400 FK CONSTRAINT pets pets_person_fkey registry owner",
                'pg_restore: error: could not execute query: ERROR:  insert or update on table "pets" violates it',
                'DETAIL:  Key (person)=(7) is not present in table "people".',
                "Command was: ALTER TABLE ONLY public.pets",
                "    ADD CONSTRAINT pets_person_fkey FOREIGN KEY (person) REFERENCES public.people(id);",
                "pg_restore: error: a worker process died unexpectedly",
            ],
            'FK CONSTRAINT pets pets_person_fkey registry: insert or update on table "pets" violates it',
        ),
        (
            "pg_restore",
            [
                "pg_restore: while PROCESSING TOC:",
                "pg_restore: from TOC entry 3301; 2605 16401 CAST CAST (integer AS text) (no owner)",
                "pg_restore: error: could not execute query: ERROR:  must be owner of type integer or type text",
            ],
            "CAST CAST (integer AS text): must be owner of type integer or type text",
        ),
        (
            "pg_dump",
            [
                "pg_dump: error: query failed: ERROR:  out of shared memory",
                "HINT:  You might need to increase max_locks_per_transaction.",
                "pg_dump: detail: Query was: LOCK TABLE tenants.t1 IN ACCESS SHARE MODE",
            ],
            "out of shared memory. You might need to increase max_locks_per_transaction",
        ),
        (
            "pg_dump",
            [
                "pg_dump: error: aborting because of server version mismatch",
                "pg_dump: detail: server version: 18.1; pg_dump version: 15.18",
            ],
            "aborting because of server version mismatch. server version: 18.1; pg_dump version: 15.18",
        ),
        (
            "pg_dump",
            [
                'pg_dump: error: Dumping the contents of table "x" failed: PQgetResult() failed.',
                "pg_dump: detail: Error message from server: ERROR:  permission denied for table x",
                "pg_dump: detail: Command was: COPY public.x (id) TO stdout;",
            ],
            "permission denied for table x",
        ),
        ("pg_restore", [], "pg_restore ended with status 1"),
    ],
)
def test_a_programs_lines_become_a_reason(program: str, lines: list[str], reason: str) -> None:
    assert pg_tools.reason(program, 1, lines) == reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            (
                'Database Error in macro add_cms_id (macros/commands/add_cms_id.sql)\n  column "x" does not exist\n'
                '  LINE 3: select x\n                 ^\n  HINT:  Perhaps you meant to reference the column "t.y".\n'
                "  compiled code at target/run"
            ),
            'column "x" does not exist. Perhaps you meant to reference the column "t.y".',
        ),
        (
            "duplicate key\nDETAIL:  Key (name)=(Ann\nof Cleves) already exists.\nHINT:  Use another.",
            "duplicate key. Use another.",
        ),
        (
            (
                'no\nCONTEXT:  PL/pgSQL function audit() line 3 at RAISE\nSQL statement "update t\nset a = 1"\n'
                "PL/pgSQL function inline_code_block line 90 at EXECUTE"
            ),
            "no (in PL/pgSQL function audit() line 3 at RAISE)",
        ),
    ],
)
def test_a_message_becomes_a_sentence(message: str, reason: str) -> None:
    assert why(message) == reason


@pytest.mark.thorough
def test_a_trigger_that_refuses_the_filling_is_named_with_its_table(
    baselined_registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = baselined_registry
    registry.execute(
        "create function refuse() returns trigger language plpgsql as $$ begin raise 'not today'; end $$;"
        " create trigger refused before update on schools for each row execute function refuse()"
    )
    for name, value in registry.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DBT_TARGET_PATH", str(registry.runner.folder / "target-of-reasons"))
    project = DbtProject(profiles_dir=registry.profiles_dir, variables={**NO_BACKUP, "allow_update_triggers": True})
    with pytest.raises(Problem, match=r"at schools: .*not today \(in PL/pgSQL function refuse\(\) line 1 at RAISE\)"):
        DbtStep().run(project, "run-operation", "add_cms_id", "--args", "{mode: online}")
