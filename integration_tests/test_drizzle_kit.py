"""The real drizzle-kit and drizzle-orm agree: exactly our columns and constraints, and nothing left to do afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from driver.dbt_project import CoreTable
from driver.drizzle.files import write_all
from driver.drizzle.migration_content import Form
from driver.drizzle.plan import Plan, make_plan
from support.local_rows import CORE_TABLES
from support.registry import Registry
from support.sample_app import SampleApp

DRIZZLES = "{table}_cmsId_unique"
SPECS = "{table}_cms_id_unique"


@pytest.fixture
def app(tmp_path: Path) -> SampleApp:
    """A copy of the sample application."""
    return SampleApp.copy_to(tmp_path / "app")


def plan(app: SampleApp, *, pattern: str = DRIZZLES, schema: str = "public", **options: object) -> Plan:
    tables = [CoreTable(t, schema, t, "id", pattern.replace("{table}", t)) for t in CORE_TABLES]
    return make_plan([app.src], tables, **options)  # type: ignore[arg-type]


def write(app: SampleApp, **options: object) -> None:
    write_all(plan(app, **options).changes)  # type: ignore[arg-type]


def expected(pattern: str = DRIZZLES) -> set[str]:
    return {f'ALTER TABLE "{t}" ADD COLUMN "cms_id" integer' for t in CORE_TABLES} | {
        f'ALTER TABLE "{t}" ADD CONSTRAINT "{pattern.replace("{table}", t)}" UNIQUE("cms_id")' for t in CORE_TABLES
    }


def split(sql: str) -> list[str]:
    return [statement.strip().removesuffix(";") for statement in re.split("--> statement-breakpoint", sql)]


def test_drizzle_kit_sees_exactly_our_columns_and_constraints(app: SampleApp) -> None:
    assert app.generate("first")
    assert app.generate("none") is None
    write(app)
    generated = app.generate("cms_id")
    assert generated is not None
    assert set(split(generated)) == expected()
    assert len(split(generated)) == 24
    write(app)
    assert plan(app).changes == ()
    assert app.generate("again") is None


def test_named_constraints_are_what_drizzle_kit_generates(app: SampleApp) -> None:
    assert app.generate("first")
    write(app, pattern=SPECS, name_constraints=True)
    generated = app.generate("cms_id")
    assert generated is not None
    assert set(split(generated)) == expected(SPECS)
    assert "agree" in plan(app, pattern=SPECS).notes[1]


@pytest.mark.one_major
def test_the_whole_migration_passes_every_dbt_test(app: SampleApp, registry: Registry) -> None:
    app.baseline(registry)
    variables = {"cms_id_constraint": DRIZZLES, "require_backup": False}
    registry.dbt_ok("snapshot", variables=variables)
    write(app)
    assert app.generate("cms_id")
    write(app)
    run = app.migrate(registry)
    assert run.returncode == 0, run.stderr
    for table in CORE_TABLES:
        assert registry.value(f"select count(*) from {table} where cms_id is distinct from id") == 0
    tests = registry.dbt("test", variables=variables)
    assert tests.success, tests.output
    assert app.migrate(registry).returncode == 0
    assert app.wanted_by_push(registry) == []
