"""The real drizzle-kit and drizzle-orm see exactly our columns and constraints, and nothing left to do afterwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from driver.dbt_project import CoreTable
from driver.drizzle.files import write_all
from driver.drizzle.migrations import Form
from driver.drizzle.plan import Plan, make_plan
from support.local_rows import CORE_TABLES
from support.sample_app import SampleApp

if TYPE_CHECKING:
    from pathlib import Path

    from support.registry import Registry

pytestmark = pytest.mark.thorough  # needs npm
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


def expected(pattern: str = DRIZZLES, *in_views: str) -> set[str]:
    names = {t: (SPECS if t in in_views else pattern).replace("{table}", t) for t in CORE_TABLES}
    return {f'ALTER TABLE "{t}" ADD COLUMN "cms_id" integer' for t in CORE_TABLES} | {
        f'ALTER TABLE "{t}" ADD CONSTRAINT "{name}" UNIQUE("cms_id")' for t, name in names.items()
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


def test_a_view_of_all_columns_is_dropped_before_and_made_again_after(app: SampleApp) -> None:
    [schools] = [path for path in app.src.rglob("*.ts") if "pgTable('schools'" in path.read_text()]
    text = schools.read_text()
    declared = re.search(r"const (\w+) = pgTable\('schools'", text)
    assert declared
    view = f"\nexport const everySchool = pgView('every_school').as((qb) => qb.select().from({declared[1]}));\n"
    schools.write_text("import { pgView } from 'drizzle-orm/pg-core';\n" + text + view)
    assert app.generate("first")
    write(app)
    generated = app.generate("cms_id")
    assert generated is not None
    drop, *ours, create = split(generated)
    assert drop.startswith("DROP VIEW")
    assert create.startswith("CREATE VIEW")
    assert '"cms_id"' in create
    assert '"cmsId"' not in create
    assert set(ours) == expected(DRIZZLES, "schools")
    write(app)
    [path] = app.migrations.glob("*_cms_id.sql")
    filled = split(path.read_text())
    assert (filled[0], filled[-1]) == (drop, create)
    assert len(filled) == 3 * len(CORE_TABLES) + 2
    assert plan(app).changes == ()
    assert app.generate("again") is None


def test_the_whole_migration_passes_every_dbt_test(app: SampleApp, registry: Registry) -> None:
    variables = {"cms_id_constraint": DRIZZLES, "require_backup": False}
    registry.dbt_ok("snapshot", variables=variables)
    # Behind the baseline, so that even a ledger that was not there before is none of the checks' business.
    app.baseline(registry)
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


def test_a_marker_agrees_with_what_add_cms_id_left(app: SampleApp, migrated_registry: Registry) -> None:
    registry = migrated_registry
    app.baseline(registry)
    write(app)
    assert app.generate("cms_id")
    write(app, form=Form.MARKER)
    files = "select oid, relfilenode from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace"
    before = sorted(registry.rows(files))
    run = app.migrate(registry)
    assert run.returncode == 0, run.stderr
    assert sorted(registry.rows(files)) == before, "a table was rewritten"
    tests = registry.dbt("test", variables={"cms_id_constraint": DRIZZLES, "require_backup": False})
    assert tests.success, tests.output
    assert app.generate("again") is None
    assert app.wanted_by_push(registry) == []


def test_a_marker_stops_the_migrator_where_add_cms_id_has_not_run(app: SampleApp, registry: Registry) -> None:
    app.baseline(registry)
    write(app)
    assert app.generate("cms_id")
    write(app, form=Form.MARKER)
    run = app.migrate(registry)
    assert run.returncode == 1
    assert "holds rows but has no cms_id yet" in run.stderr
    assert "Run add_cms_id on this database first" in run.stderr
    assert registry.value("select count(*) from information_schema.columns where column_name = 'cms_id'") == 0
    registry.dbt_ok("snapshot", variables={"require_backup": False})
    registry.dbt_ok("run-operation", "add_cms_id", variables={"require_backup": False})
    assert app.migrate(registry).returncode == 0


def test_push_wants_exactly_our_changes_before_the_migration(app: SampleApp, registry: Registry) -> None:
    assert app.wanted_by_push(registry) == []
    write(app)
    wanted = {statement.removesuffix(";").replace('"public".', "") for statement in app.wanted_by_push(registry)}
    assert wanted == expected()


def test_tables_in_a_pg_schema_are_migrated_there(app: SampleApp, empty_registry: Registry) -> None:
    registry = empty_registry
    (app.src / "registry.ts").write_text(
        "import { pgSchema } from 'drizzle-orm/pg-core';\n\nexport const registry = pgSchema('registry');\n"
    )
    config = app.folder / "drizzle.config.ts"
    text = config.read_text().replace("['public']", "['registry']")
    config.write_text(re.sub(r"schema: '.*'", "schema: './src/**/*.ts'", text))
    for path in app.src.rglob("schema/*.ts"):
        text = path.read_bytes().decode()
        text = re.sub(r"\b(pg\.pgTable|pgTable|table)\((?=\s*[\"'`M])", "registry.table(", text)
        text = re.sub(r"\b(?:pg\.)?pg(Enum|View)\(", lambda made: f"registry.{made[1].lower()}(", text)
        text = text.replace("import ", "import { registry } from '../../../../registry';\nimport ", 1)
        path.write_bytes(text.encode())
    first = app.generate("first")
    assert first is not None
    assert 'CREATE TABLE "registry"."schools"' in first
    assert app.migrate(registry).returncode == 0
    write(app, schema="registry")
    generated = app.generate("cms_id")
    assert generated is not None
    assert set(split(generated)) == {s.replace("TABLE ", 'TABLE "registry".') for s in expected()}
    registry.execute("insert into registry.schools (id, code, name) values (7, 'a', 'b')")
    write(app, schema="registry")
    run = app.migrate(registry)
    assert run.returncode == 0, run.stderr
    assert registry.rows("select id, cms_id from registry.schools") == [(7, 7)]
    assert app.generate("again") is None
    marker = plan(app, schema="registry", form=Form.MARKER).sql(Form.MARKER)
    assert marker.count('"registry".') == 12
    registry.execute(marker)


def test_the_name_of_a_constraint_matters_to_drizzle_kit(app: SampleApp, migrated_registry: Registry) -> None:
    write(app)
    replaced = app.wanted_by_push(migrated_registry)
    assert len([s for s in replaced if "DROP CONSTRAINT" in s]) == len(CORE_TABLES)
    assert len([s for s in replaced if "ADD CONSTRAINT" in s]) == len(CORE_TABLES)
    write(app, pattern=SPECS, name_constraints=True)
    assert app.wanted_by_push(migrated_registry) == []
