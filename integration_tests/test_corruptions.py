"""Every test of the project sees the damage it is there for, and no other test cries out.

The damage stands in support/corruptions.py. Damage to rows is done and undone in one transaction on one migrated
registry, in which the SQL that dbt wrote for each test is run; damage that a test notices while its SQL is written is
done to a registry of its own and judged by dbt itself.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg.rows import dict_row

from support.corruptions import (
    ASSESSMENTS_CHAIN,
    COLUMNS,
    CONSTRAINTS,
    CORRUPTIONS,
    COUNTS,
    IDS,
    KEPT,
    MODULES_CHAIN,
    POPULATION,
    PREREQUISITES_CHAIN,
    SCHOOLS_CHAIN,
    SEQUENCES,
    UNIQUE,
    Corruption,
    Database,
    Shown,
)
from support.registry import NO_BACKUP, OWNER, SUPERUSER, Registry

if TYPE_CHECKING:
    from support.dbt_runner import DbtRun

# `major` by name, since `judged` asks for its registry only once.
pytestmark = pytest.mark.usefixtures("major")


# What a schema has, what is next, and what stands twice, is said by each row itself.
WITHOUT_SUMMARY = {COLUMNS, CONSTRAINTS, SEQUENCES, UNIQUE}


@dataclass
class Verdict:
    """What a test says.

    Attributes:
        status: pass, fail or error.
        rows: its failing rows.
        message: why it could not run.
    """

    status: str
    rows: list[dict[str, Any]]
    message: str = ""


def labels(run: DbtRun) -> dict[str, str]:
    """{unique id: label} of the tests, from dbt's manifest."""
    nodes = json.loads((run.target_path / "manifest.json").read_text())["nodes"]
    found = {}
    for unique_id, node in nodes.items():
        if node["resource_type"] == "test":
            generic = node.get("test_metadata")
            found[unique_id] = f"{node['sources'][0][1]}: {generic['name']}" if generic else node["name"]
    assert len(set(found.values())) == len(found), "two tests have the same label"
    return found


@dataclass
class Judged:
    """A migrated registry that passes every test, and the SQL of these tests."""

    registry: Registry
    compiled: dict[str, str]

    def verdicts(self, connection: psycopg.Connection[Any]) -> dict[str, Verdict]:
        """Run every test's SQL as the registry's owner."""
        found = {}
        connection.execute(f"set local role {OWNER}")
        for label, query in self.compiled.items():
            try:
                with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
                    rows = cursor.execute(query.encode()).fetchall()
                found[label] = Verdict("fail" if rows else "pass", rows)
            except psycopg.Error as error:
                found[label] = Verdict("error", [], str(error))
        connection.execute("reset role")
        return found


@pytest.fixture(scope="module")
def judged_once() -> list[Judged]:
    """Room for the one registry that all tests of this file share."""
    return []


@pytest.fixture
def judged(judged_once: list[Judged], request: pytest.FixtureRequest) -> Judged:
    """A migrated registry for all that is undone again."""
    if not judged_once:
        registry: Registry = request.getfixturevalue("migrated_registry")
        run = registry.dbt_ok("test", variables=NO_BACKUP)
        names = labels(run)
        assert {result.unique_id for result in run.results} == set(names), "dbt test did not run every test"
        # under another name, for the usual one is soon another registry's
        registry.server.create_database("judged", OWNER, registry.dbname)
        # dbt writes the database's name into every relation's
        compiled = {
            names[result.unique_id]: result.compiled.replace(f'"{registry.dbname}".', "") for result in run.results
        }
        judged_once.append(Judged(Registry(registry.server, "judged", registry.runner, registry.counts), compiled))
    return judged_once[0]


def assert_shown(verdicts: dict[str, Verdict], corruption: Corruption, shown: Shown) -> None:
    """Exactly the right tests are red, and their rows say what is wrong and where."""
    errors = {label: verdict.message for label, verdict in verdicts.items() if verdict.status == "error"}
    assert errors == {}
    assert {label for label, verdict in verdicts.items() if verdict.status == "fail"} == corruption.red
    for label in corruption.red:
        if ": " in label:
            continue  # a packaged expectation has rows of its own kind
        for row in verdicts[label].rows:
            assert None not in (row["table_name"], row["expected"], row["actual"]), (label, row)
            assert row["expected"] != row["actual"], (label, row)
            assert (
                row["key"] is not None
                or row["column_name"] in (None, "cms_id", "count(*)")
                or "column" in row["actual"]
            )
        summaries = [row["summary"] for row in verdicts[label].rows if row.get("summary")]
        # what is said first, in one line, and nothing of it called what the application does
        assert summaries == [row["summary"] for row in verdicts[label].rows[: len(summaries)]], label
        assert summaries or label in WITHOUT_SUMMARY or "column" in verdicts[label].rows[0]["actual"], label
        assert all(len(item["line"]) <= 100 for item in summaries), summaries
        assert "writes of the application" not in {item["verdict"] for item in summaries}, summaries
    assert set(shown) <= corruption.red
    for label, wanted in shown.items():
        rows = verdicts[label].rows
        for part in wanted:
            assert any(part.items() <= row.items() for row in rows), f"{label} lacks {part}; it has {rows[:5]}"


@pytest.mark.parametrize("corruption", [c for c in CORRUPTIONS if not c.parsed], ids=lambda c: c.name)
def test_exactly_the_right_tests_see_it(judged: Judged, corruption: Corruption) -> None:
    with judged.registry.connect(SUPERUSER) as connection, connection.transaction(force_rollback=True):
        shown = corruption.seed(Database(connection))
        assert_shown(judged.verdicts(connection), corruption, shown)


@pytest.mark.parametrize("corruption", [c for c in CORRUPTIONS if c.parsed], ids=lambda c: c.name)
def test_exactly_the_right_tests_see_a_changed_column(migrated_registry: Registry, corruption: Corruption) -> None:
    with migrated_registry.connect(SUPERUSER) as connection:
        shown = corruption.seed(Database(connection))
    assert_shown(dbt_verdicts(migrated_registry), corruption, shown)


def dbt_verdicts(registry: Registry) -> dict[str, Verdict]:
    """What dbt itself says."""
    run = registry.dbt("test", variables=NO_BACKUP)
    names = labels(run)
    return {
        names[result.unique_id]: Verdict(
            result.status, result.failing if result.status == "fail" else [], result.message
        )
        for result in run.results
    }


def test_dbt_says_the_same(judged: Judged, migrated_registry: Registry) -> None:
    """The shortcut of the tests above is none: `dbt test` has the same verdicts and the same rows."""
    corruption = next(c for c in CORRUPTIONS if c.name == "an_attempt_deleted_under_its_marks")
    with judged.registry.connect(SUPERUSER) as connection, connection.transaction(force_rollback=True):
        corruption.seed(Database(connection))
        direct = judged.verdicts(connection)
    with migrated_registry.connect(SUPERUSER) as connection:
        shown = corruption.seed(Database(connection))
    by_dbt = dbt_verdicts(migrated_registry)
    assert_shown(by_dbt, corruption, shown)
    for label, verdict in direct.items():
        assert verdict.status == by_dbt[label].status
        assert sorted(verdict.rows, key=str) == sorted(by_dbt[label].rows, key=str), label


SEEN_ONCE = {COUNTS, IDS, POPULATION, KEPT, ASSESSMENTS_CHAIN, MODULES_CHAIN, PREREQUISITES_CHAIN, SCHOOLS_CHAIN}


def scanned(plan: dict[str, Any]) -> set[str]:
    """The tables that a plan has read."""
    found = {plan["Relation Name"]} if plan.get("Relation Name") and plan["Actual Loops"] else set()
    return found.union(*(scanned(part) for part in plan.get("Plans", [])))


def test_what_was_seen_before_the_tests_counts_until_something_is_written(migrated_registry: Registry) -> None:
    registry = migrated_registry
    run = registry.dbt_ok("test", variables=NO_BACKUP)
    names = labels(run)
    compiled = {names[r.unique_id]: r.compiled for r in run.results if "pg_current_snapshot" in r.compiled}
    assert set(compiled) == SEEN_ONCE
    judged = Judged(registry, compiled)
    (moment,) = set(re.findall(r"\) <> '([^']+)'", "".join(compiled.values())))
    with registry.connect(SUPERUSER) as connection:
        connection.execute("set default_transaction_isolation to 'repeatable read'")  # one moment for a transaction
        with connection.transaction():
            connection.execute(f"set local role {OWNER}")
            asked = re.search(r"\(select concat_ws\(.*?\n\)\)", compiled[IDS], re.DOTALL)
            assert asked
            (now,) = connection.execute(f"select {asked[0]}".encode()).fetchone() or ("",)
            for label, query in compiled.items():
                still = f"explain (analyze, format json) {query.replace(moment, now)}"
                (plan,) = connection.execute(still.encode()).fetchone() or ([],)
                assert scanned(plan[0]["Plan"]).isdisjoint({"student_modules", "semester_modules", "programs"}), label
        # what this very transaction has written, and then what another one has
        damage = [c for c in CORRUPTIONS if c.name in ("an_attempt_deleted_under_its_marks", "a_cms_id_emptied")]
        for corruption in damage:
            with connection.transaction(force_rollback=True):
                corruption.seed(Database(connection))
                verdicts = judged.verdicts(connection)
            red = {label for label, verdict in verdicts.items() if verdict.status == "fail"}
            assert red == corruption.red & SEEN_ONCE, verdicts
    with registry.connect(SUPERUSER) as connection:
        shown = [part for corruption in damage for part in corruption.seed(Database(connection)).items()]
    with registry.connect(SUPERUSER) as connection, connection.transaction():
        verdicts = judged.verdicts(connection)
    assert {label for label, verdict in verdicts.items() if verdict.status == "fail"} == {
        label for corruption in damage for label in corruption.red & SEEN_ONCE
    }
    for label, parts in shown:
        assert label not in SEEN_ONCE or all(
            any(part.items() <= row.items() for row in verdicts[label].rows) for part in parts
        )


def test_every_test_has_a_corruption_that_turns_it_red(judged: Judged) -> None:
    """A new test without one fails here: write its damage into support/corruptions.py."""
    covered = {label for corruption in CORRUPTIONS for label in corruption.red}
    assert set(judged.compiled) - covered == set()
    assert covered - set(judged.compiled) == set(), "a corruption names a test that is gone"
