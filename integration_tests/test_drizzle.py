"""An application's schema files get their column, whatever they look like; and where one cannot, none is touched."""

# ruff: noqa: E501 - a schema file, before and after, is compared best where each stands on one line

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest

from driver.dbt_project import CoreTable
from driver.drizzle.files import Change, unified, write_all
from driver.drizzle.migrations import Form, statements
from driver.drizzle.plan import Plan, make_plan
from driver.drizzle.typescript import TypeScript, source_files, string_value
from driver.errors import Problem
from support.local_rows import CORE_TABLES

SAMPLE_APP = Path(__file__).with_name("sample_app")
SNAKE = "import { defineConfig } from 'drizzle-kit';\nexport default defineConfig({ dialect: 'postgresql', casing: 'snake_case', schema: './src' });\n"
PLAIN = "export default { dialect: 'postgresql', schema: './src', out: './migrations' } satisfies Config;\n"
HEAD = "import { pgTable, serial, text } from 'drizzle-orm/pg-core';\n"
IMPORTED = "import { integer, pgTable, serial, text } from 'drizzle-orm/pg-core';\n"
SCHOOLS = "export const schools = pgTable('schools', {\n  id: serial().primaryKey(),\n  shortName: text(),\n});\n"


def core(*names: str, schema: str = "public", id_column: str = "id") -> list[CoreTable]:
    return [CoreTable(name, schema, name, id_column, f"{name}_cms_id_unique") for name in names]


class App:
    """An application's folder."""

    def __init__(self, folder: Path, config: str = SNAKE) -> None:
        """Make it, with nothing but a configuration in it."""
        self.folder = folder
        self.src = folder / "src"
        self.src.mkdir(parents=True)
        (folder / "drizzle.config.ts").write_text(config)

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a schema file."""
        path = self.src / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def plan(self, *tables: CoreTable, **options: object) -> Plan:
        """What the command would do."""
        return make_plan([self.src], tables or core("schools"), **options)  # type: ignore[arg-type]

    def edited(self, text: str | bytes, *tables: CoreTable) -> str:
        """A schema file after the command, and after a second run, which has to find nothing to do."""
        path = self.write("schema.ts", text)
        write_all(self.plan(*tables).changes)
        assert self.plan(*tables).changes == ()
        return path.read_bytes().decode()

    def refused(self, *tables: CoreTable, **options: object) -> str:
        """What the command says when it refuses; every file is as it was."""
        before = self.contents()
        with pytest.raises(Problem) as caught:
            write_all(self.plan(*tables, **options).changes)
        assert self.contents() == before
        return caught.value.message

    def contents(self) -> dict[Path, bytes]:
        """Every file."""
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path / "app")


SHORT = {
    "<imports>": IMPORTED,
    "<head>": HEAD,
    "<core>": "from 'drizzle-orm/pg-core';\n",
    "<schools>": "const a = pgTable('schools', ",
}
# What the command adds to a schema file stands between {+ and +}.
VARIANTS = {
    "as the procedure shows it": (
        "import { {+integer, +}pgTable, serial, text } <core>export const schools = pgTable('schools', {\n"
        "  id: serial().primaryKey(),\n{+  cmsId: integer().unique(),\n+}  shortName: text(),\n});\n"
    ),
    "tabs, double quotes and no semicolons": (
        'import { integer, pgTable, serial } from "drizzle-orm/pg-core"\nexport const a = pgTable("schools", {\n'
        "\tid: serial(),\n{+\tcmsId: integer().unique(),\n+}})\n"
    ),
    "a callback": (
        "import { pgTable } <core>export <schools>(t) => ({\n  id: t.serial(),\n{+  cmsId: t.integer().unique(),\n"
        "+}  b: t.text(),\n}));\n"
    ),
    "a callback with a body": (
        "import { pgTable } <core><schools>function (col) {\n"
        "  return { id: col.serial(){+, cmsId: col.integer().unique()+} };\n});\n"
    ),
    "a callback without parentheses": "import { pgTable } <core><schools>t => ({ id: t.serial(){+, cmsId: t.integer().unique()+} }));\n",
    "a callback that takes its argument apart": "import { pgTable } <core><schools>({ {+integer, +}serial, text }) => ({ id: serial(){+, cmsId: integer().unique()+}, b: text() }));\n",
    "a callback that takes integer under another name": "import { pgTable } <core><schools>({ serial, integer: int }) => ({ id: serial(){+, cmsId: int().unique()+} }));\n",
    "extra configuration": "<imports><schools>{\n  id: serial(),\n{+  cmsId: integer().unique(),\n+}}, (t) => [index('id').on(t.id)]);\n",
    "a table in a pgSchema": (
        "import { {+integer, +}pgSchema, serial } <core>const uni = pgSchema('public');\n"
        "const a = uni.table('schools', { id: serial(){+, cmsId: integer().unique()+} });\n"
    ),
    "imports under other names": "import { pgTable as table, serial as counter, integer as whole } <core>const a = table('schools', { id: counter(){+, cmsId: whole().unique()+} });\n",
    "the whole module under one name": "import * as pg <core>const a = pg.pgTable('schools', { id: pg.serial(){+, cmsId: pg.integer().unique()+} });\n",
    "the whole module for types only": "import type * as t <core>import { type PgColumn{+, integer+}, pgTable, serial } <core><schools>{ id: serial(){+, cmsId: integer().unique()+} });\n",
    "imports in order": "import { boolean{+, integer+}, pgTable, serial } <core><schools>{ id: serial(){+, cmsId: integer().unique()+} });\n",
    "imports on lines of their own, in order": (
        "import {\n  char,\n{+  integer,\n+}  pgTable, // tables\n  serial,\n"
        "} <core><schools>{ id: serial(){+, cmsId: integer().unique()+} });\n"
    ),
    "imports on lines of their own, in no order": (
        "import {\n  serial,\n  pgTable{+,+} // tables\n{+  integer\n"
        "+}} <core><schools>{ id: serial(){+, cmsId: integer().unique()+} });\n"
    ),
    "imports with a type last": "import { serial, pgTable{+, integer+}, type PgColumn } <core><schools>{ id: serial(){+, cmsId: integer().unique()+} });\n",
    "a name of the file's own in the way": (
        "import { {+integer as pgInteger, +}pgTable, serial, text } <core>const integer = /^[0-9]+$/;\n"
        "<schools>{ id: serial(){+, cmsId: pgInteger().unique()+} });\n"
    ),
    "Drizzle handed on by the application": (
        "import { pgTable, id } from '../lib';\n"
        "{+import { integer } <core>+}<schools>{ id: id(){+, cmsId: integer().unique()+} });\n"
    ),
    "Drizzle's integer handed on by the application": "import { integer, pgTable, id } from '../lib';\n<schools>{ id: id(){+, cmsId: integer().unique()+} });\n",
    "a constant for the name": (
        "<imports>const NAME = 'schools' as const;\n"
        "const a = pgTable(NAME, { id: serial(){+, cmsId: integer().unique()+} });\n"
    ),
    "a prefix on every table": (
        "import { pgTableCreator, serial, integer } <core>const make = pgTableCreator((name) => `sch${name}`);\n"
        "const a = make('ools', { id: serial(){+, cmsId: integer().unique()+} });\n"
    ),
    "comments and strings that look like code": (
        "<imports>// pgTable('schools', { id: serial() })\nconst s = \"pgTable('schools', { id: serial() })\";\n"
        "const r = /pgTable\\('schools'/;\n<schools>{\n  /* id: serial() */ id: serial(), // id: serial(),\n"
        "{+  cmsId: integer().unique(),\n+}  b: text(),\n});\n"
    ),
    "a value on several lines": "<imports><schools>{\n  id: serial()\n    .primaryKey(),\n{+  cmsId: integer().unique(),\n+}  b: text(),\n});\n",
    "commas in front": "<imports><schools>{\n    id: serial() // key\n{+  , cmsId: integer().unique()\n+}  , b: text()\n});\n",
    "the last column, without a comma": "<imports><schools>{\n  b: text(),\n  id: serial(){+,+} // key\n{+  cmsId: integer().unique()\n+}});\n",
    "quoted keys": "<imports><schools>{\n  'id': serial(),\n{+  'cmsId': integer().unique(),\n+}  'b': text(),\n});\n",
    "columns with names of their own": (
        "<imports><schools>{\n  id: serial('id'),\n{+  cmsId: integer('cms_id').unique(),\n"
        "+}  shortName: text('short_name'),\n});\n"
    ),
    "an id under another key": "<imports><schools>{ schoolId: serial('id'){+, cmsId: integer().unique()+}, shortName: text() });\n",
    "keys written as in the database": "<imports><schools>{\n  id: serial(),\n{+  cms_id: integer().unique(),\n+}  short_name: text(),\n});\n",
    "columns from elsewhere among them": (
        "<imports><schools>{\n  ...common,\n  id: serial(),\n{+  cmsId: integer().unique(),\n+}  ...timestamps,\n"
        "} satisfies Columns);\n"
    ),
    "no line end at the end": "<imports><schools>{\n  id: serial(),\n{+  cmsId: integer().unique(),\n+}});",
    "row security": "<imports><schools>{\n  id: serial(),\n{+  cmsId: integer().unique(),\n+}}).enableRLS();\n",
    "characters beyond ASCII": "<imports>// Käse, 学校 🏫\n<schools>{\n  id: serial(), // Schlüssel 🔑\n{+  cmsId: integer().unique(),\n+}});\n",
}


def versions(variant: str) -> tuple[str, str]:
    """A schema file before and after."""
    text = VARIANTS[variant]
    for short, meant in SHORT.items():
        text = text.replace(short, meant)
    return re.sub(r"\{\+.*?\+\}", "", text, flags=re.DOTALL), re.sub(r"\{\+|\+\}", "", text)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_column_is_added_in_the_style_of_the_file(app: App, variant: str) -> None:
    before, after = versions(variant)
    assert app.edited(before) == after


@pytest.mark.parametrize("variant", VARIANTS)
def test_line_ends_and_the_byte_order_mark_stay(app: App, variant: str) -> None:
    before, after = ("\ufeff" + text.replace("\n", "\r\n") for text in versions(variant))
    assert app.edited(before) == after


def test_every_variant_of_the_sample_application_gets_its_column() -> None:
    plan = make_plan([SAMPLE_APP / "src"], core(*CORE_TABLES))
    added = [line for line in unified(plan.changes, plan.folder) if line.startswith("+") and "cmsId" in line]
    assert len(added) == 12
    assert len(plan.changes) == 4
    assert {change.path.name for change in plan.changes} == {"students.ts", "schools.ts", "structures.ts", "modules.ts"}
    for change in plan.changes:
        crlf = change.path.name == "modules.ts"
        assert (change.after.count(b"\r\n") == change.after.count(b"\n")) is crlf
        assert change.after.startswith(b"\xef\xbb\xbf") is crlf
        assert TypeScript(change.path, change.after).syntax_error is None


def test_the_diff_is_one_that_git_applies(tmp_path: Path) -> None:
    copy = tmp_path / "app"
    subprocess.run(["cp", "-r", SAMPLE_APP, copy], check=True)
    plan = make_plan([copy / "src"], core(*CORE_TABLES))
    diff = "".join(unified(plan.changes, plan.folder))
    subprocess.run(["git", "apply", "--unidiff-zero", "-"], input=diff.encode(), cwd=copy, check=True)
    assert {change.path: change.path.read_bytes() for change in plan.changes} == {c.path: c.after for c in plan.changes}


# Where the style has to be worked out ------------------------------------------------------------------------------


def test_without_casing_the_column_gets_its_name(tmp_path: Path) -> None:
    app = App(tmp_path / "app", PLAIN)
    assert "  cmsId: integer('cms_id').unique(),\n" in app.edited(HEAD + SCHOOLS)
    assert app.plan().targets[0].constraint == "schools_cms_id_unique"


def test_without_a_configuration_the_other_columns_say_whether_there_is_a_casing(app: App) -> None:
    (app.folder / "drizzle.config.ts").unlink()
    assert "cmsId: integer().unique()" in app.edited(HEAD + SCHOOLS)
    assert "cmsId: integer('cms_id').unique()" in app.edited(HEAD + SCHOOLS.replace("text()", "text('short_name')"))
    assert "cmsId: integer('cms_id').unique()" in app.edited(HEAD + SCHOOLS.replace("shortName", "name"))


def test_where_a_view_may_select_it_the_column_gets_its_name(app: App) -> None:
    view = "export const open = pgView('open').as((qb) => qb.select().from({}));\n"
    assert "cmsId: integer().unique()" in app.edited(HEAD + SCHOOLS + view.format("programs"))
    assert "cmsId: integer('cms_id').unique()" in app.edited(HEAD + SCHOOLS + view.format("schools"))
    imports = "import { pgView } from 'drizzle-orm/pg-core';\nimport { schools as s } from './schools';\n"
    app.write("views.ts", imports + view.format("s"))
    assert "cmsId: integer('cms_id').unique()" in app.edited(HEAD + SCHOOLS)
    assert app.plan().targets[0].constraint == "schools_cms_id_unique"


def test_a_table_that_shows_no_style_follows_the_others_of_its_file(app: App) -> None:
    named = "const b = pgTable('programs', { id: serial('id'), longName: text('long_name') });\n"
    bare = "const a = pgTable('schools', { id: serial() });\n"
    after = app.edited(IMPORTED + bare + named, *core("schools", "programs"))
    assert after.count("cmsId: integer('cms_id').unique()") == 2


def test_the_table_may_be_in_a_schema_made_in_another_file(app: App) -> None:
    app.write("db.ts", "import { pgSchema } from 'drizzle-orm/pg-core';\nexport const uni = pgSchema('uni');\n")
    path = app.write(
        "schools.ts",
        "import { uni as u } from './db';\nexport const s = u.table('schools', (t) => ({ id: t.serial() }));\n",
    )
    plan = app.plan(*core("schools", schema="uni"))
    assert [change.path for change in plan.changes] == [path]
    assert plan.targets[0].relation == '"uni"."schools"'
    assert "is declared in schema uni" in app.refused()


def test_of_two_tables_of_one_name_the_one_in_the_projects_schema_counts(app: App) -> None:
    text = (
        "import { pgSchema, pgTable, serial, integer } from 'drizzle-orm/pg-core';\nconst old = pgSchema('archive');\n"
        "const a = pgTable('schools', { id: serial() });\nconst b = old.table('schools', { id: serial() });\n"
    )
    assert "pgTable('schools', { id: serial(), cmsId" in app.edited(text)
    app.write("schema.ts", text)
    assert "old.table('schools', { id: serial(), cmsId" in app.edited(text, *core("schools", schema="archive"))


def test_a_factory_made_in_another_file_is_followed(app: App) -> None:
    app.write(
        "make.ts",
        "import { pgTableCreator } from 'drizzle-orm/pg-core';\nexport const make = pgTableCreator((n) => 'uni_' + n);\n",
    )
    path = app.write(
        "schools.ts", "import { make } from './make';\nexport default make('schools', (t) => ({ id: t.serial() }));\n"
    )
    assert [change.path for change in app.plan(*core("uni_schools")).changes] == [path]


def test_what_is_not_drizzles_is_left_alone(app: App) -> None:
    app.write(
        "log.ts",
        "console.table('schools', { id: 1 });\nfunction pgTable(a: string, b: object) {}\npgTable('schools', { id: 1 });\n",
    )
    app.write("node_modules/x/schema.ts", HEAD + SCHOOLS)
    app.write(".cache/schema.ts", HEAD + SCHOOLS)
    app.write("schema.d.ts", HEAD + SCHOOLS)
    assert "no declaration of schools was found" in app.refused()


def test_a_key_that_is_not_called_id_is_followed(app: App) -> None:
    after = app.edited(
        IMPORTED + "const a = pgTable('schools', { no: serial(), b: text() });\n", *core("schools", id_column="no")
    )
    assert "no: serial(), cmsId: integer().unique(), b" in after


def test_the_projects_constraint_names_can_be_written_out(app: App) -> None:
    path = app.write("schema.ts", HEAD + SCHOOLS)
    plan = app.plan(name_constraints=True)
    write_all(plan.changes)
    assert b"  cmsId: integer().unique('schools_cms_id_unique'),\n" in path.read_bytes()
    assert "agree" in plan.notes[1]
    again = app.plan()
    assert again.changes == ()
    assert again.targets[0].constraint == "schools_cms_id_unique"


@pytest.mark.parametrize("written", ["unique()", "unique('other')"])
def test_the_projects_constraint_names_can_be_written_out_later(app: App, written: str) -> None:
    text = f"{IMPORTED}const a = pgTable('schools', {{ id: serial(), cmsId: integer().{written} }});\n"
    path = app.write("schema.ts", text)
    assert app.plan().changes == ()
    plan = app.plan(name_constraints=True)
    write_all(plan.changes)
    assert path.read_text() == text.replace(written, "unique('schools_cms_id_unique')")
    assert plan.targets[0].constraint == "schools_cms_id_unique"
    assert app.plan(name_constraints=True).changes == ()


def test_the_constraint_name_that_drizzle_expects_is_compared(app: App) -> None:
    app.write("schema.ts", HEAD + SCHOOLS)
    assert 'set cms_id_constraint: "{table}_cmsId_unique"' in app.plan().notes[1]
    named = [CoreTable("schools", "public", "schools", "id", "schools_cmsId_unique")]
    assert "agree on {table}_cmsId_unique" in app.plan(*named).notes[1]


def test_a_drizzle_kit_of_version_1_sets_casing_by_table_and_names_by_its_own_rule(app: App) -> None:
    (app.folder / "package.json").write_text('{"devDependencies": {"drizzle-kit": "^1.0.0"}}')
    app.write("schema.ts", HEAD + SCHOOLS)
    assert app.plan().targets[0].constraint == "schools_cms_id_key"
    assert "cmsId: integer('cms_id').unique()" in app.edited(HEAD + SCHOOLS)
    cased = SCHOOLS.replace("pgTable(", "snakeCase.table(")
    assert "cmsId: integer().unique()" in app.edited(HEAD.replace("pgTable", "snakeCase") + cased)


# What is in the way ------------------------------------------------------------------------------------------------


def test_broken_typescript_is_named_with_its_place(app: App) -> None:
    app.write("good.ts", HEAD + SCHOOLS)
    app.write("bad.ts", HEAD + "const a = pgTable('programs', {\n  id: serial(,\n  b: });\n")
    message = app.refused(*core("schools", "programs"))
    assert "bad.ts is not valid TypeScript at line 3, column" in message
    assert "no declaration" not in message


def test_broken_typescript_that_holds_no_table_is_no_concern(app: App) -> None:
    app.write("other.ts", "const = ;\n")
    app.edited(HEAD + SCHOOLS)


def test_everything_in_the_way_is_named_at_once(app: App) -> None:
    app.write("schools.ts", HEAD + SCHOOLS)
    app.write("again.ts", HEAD + SCHOOLS)
    app.write("programs.ts", HEAD + "const p = pgTable('programs', { id: serial(), cmsId: text() });\n")
    app.write("modules.ts", HEAD + "const m = pgTable('modules', columns);\n")
    app.write("structures.ts", HEAD + "const s = pgTable('structures', { ...ids });\n")
    app.write("fine.ts", HEAD + "const f = pgTable('next_of_kins', { id: serial() });\n")
    message = app.refused(*core("schools", "programs", "modules", "structures", "student_modules", "next_of_kins"))
    assert "nothing was written, 5 things are in the way" in message
    assert f"schools is declared 2 times ({app.src / 'again.ts'}:2, {app.src / 'schools.ts'}:2)" in message
    assert f"programs ({app.src / 'programs.ts'}:2) already has another cmsId (line 2)" in message
    assert "modules" in message
    assert "does not have its columns written out" in message
    assert "has no column id written out" in message
    assert "no declaration of student_modules was found" in message


@pytest.mark.parametrize(
    "column",
    [
        "cmsId: text().unique()",
        "cmsId: integer()",
        "cmsId: integer().unique().notNull()",
        "cmsId: integer().unique('a', { nulls: 'not distinct' })",
        "cmsId: integer('external').unique()",
        "cmsId: integer",
        "cmsId",
        "externalId: text('cms_id')",
        "cmsId: integer().unique(), cms_id: integer().unique()",
    ],
)
def test_another_cms_id_is_left_to_a_person(app: App, column: str) -> None:
    app.write("schema.ts", IMPORTED + f"const a = pgTable('schools', {{ id: serial(), {column} }});\n")
    assert "cms" in app.refused().lower()


def test_a_column_that_would_get_another_name_is_refused(tmp_path: Path) -> None:
    app = App(tmp_path / "app", PLAIN)
    app.write("schema.ts", IMPORTED + "const a = pgTable('schools', { id: serial(), cmsId: integer().unique() });\n")
    assert "its column is called cmsId: write integer('cms_id').unique()" in app.refused()


def test_names_that_are_worked_out_are_pointed_at(app: App) -> None:
    app.write("schema.ts", HEAD + "const a = pgTable(prefix('schools'), { id: serial() });\n")
    assert "schema.ts:2" in app.refused()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_nothing_is_written_where_one_place_is_read_only(app: App, what: str) -> None:
    app.write("a/schools.ts", HEAD + SCHOOLS)
    path = app.write("b/programs.ts", HEAD + SCHOOLS.replace("schools", "programs"))
    place = path if what == "file" else path.parent
    place.chmod(0o444 if what == "file" else 0o555)
    try:
        message = app.refused(*core("schools", "programs"))
    finally:
        place.chmod(0o755)
    assert f"{place} is read-only" in message


def test_an_immutable_file_stops_all(app: App) -> None:
    app.write("a/schools.ts", HEAD + SCHOOLS)
    path = app.write("b/programs.ts", HEAD + SCHOOLS.replace("schools", "programs"))
    if subprocess.run(["chattr", "+i", path], check=False, capture_output=True).returncode:
        pytest.skip("this file system has no immutable files, or we may not make them")
    try:
        assert f"{path} is read-only" in app.refused(*core("schools", "programs"))
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def test_a_failure_at_the_last_file_takes_the_others_back(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"t{i}" for i in range(4)]
    for name in names:
        app.write(f"{name}.ts", HEAD + SCHOOLS.replace("schools", name))
    changes = app.plan(*core(*names)).changes
    before, last = app.contents(), changes[-1].path
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if target == last and self.suffix == ".new":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(Problem, match="No space left"):
        write_all(changes)
    assert app.contents() == before


def test_a_file_changed_meanwhile_is_not_overwritten(app: App) -> None:
    path = app.write("schema.ts", HEAD + SCHOOLS)
    changes = app.plan().changes
    path.write_text(HEAD + SCHOOLS + "// more\n")
    with pytest.raises(Problem, match="changed by someone else"):
        write_all(changes)
    assert path.read_text().endswith("// more\n")


def test_mode_and_links_stay(app: App, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.ts"
    real.write_text(HEAD + SCHOOLS)
    real.chmod(0o640)
    link = app.src / "schema.ts"
    link.symlink_to(real)
    write_all(app.plan().changes)
    assert link.is_symlink()
    assert "cmsId" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app", "elsewhere.ts"]


def test_a_bigint_project_is_refused(app: App) -> None:
    app.write("schema.ts", HEAD + SCHOOLS)
    assert "cms_id is bigint in this project" in app.refused(column_type="bigint")


# The configuration -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "drizzle.config.ts",
            "export default { dialect: 'postgresql', schema: 'src', casing: 'snake_case', out: 'm' };",
        ),
        (
            "drizzle.config.js",
            "const c = { dialect: 'postgresql', 'schema': 'src', casing: `snake_case`, out: 'm' };\nmodule.exports = c;",
        ),
        ("drizzle.config.json", '{"dialect": "postgresql", "schema": "src", "casing": "snake_case", "out": "m"}'),
        (
            "drizzle.config.ts",
            "const out = 'm'; const casing = 'snake_case';\nexport default defineConfig({ dialect: d, schema: s, out, casing });",
        ),
    ],
)
def test_the_configuration_is_read_in_every_form(app: App, name: str, text: str) -> None:
    (app.folder / "drizzle.config.ts").unlink()
    (app.folder / name).write_text(text)
    app.write("schema.ts", HEAD + SCHOOLS)
    plan = app.plan()
    assert b"cmsId: integer().unique()" in plan.changes[0].after
    assert f"no migration in {app.folder / 'm'}" in plan.notes[-1]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("drizzle.config.ts", "export default {", "not valid TypeScript at line 1"),
        ("drizzle.config.json", "{", "not valid JSON"),
        ("drizzle.config.ts", "export { default } from './shared';", "no plain object"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_named(app: App, name: str, text: str, message: str) -> None:
    (app.folder / "drizzle.config.ts").unlink()
    (app.folder / name).write_text(text)
    app.write("schema.ts", HEAD + SCHOOLS)
    assert message in app.refused()


@pytest.mark.parametrize("suffix", ["ts", "tsx", "mts", "cts", "js", "jsx", "mjs"])
def test_a_schema_file_may_be_javascript_as_well(app: App, suffix: str) -> None:
    path = app.write(f"schema.{suffix}", HEAD + SCHOOLS)
    app.write("other.d.ts", HEAD + SCHOOLS)
    write_all(app.plan().changes)
    assert "cmsId: integer().unique()," in path.read_text()
    assert app.plan().changes == ()


def test_javascript_beside_the_typescript_it_was_built_from_does_not_count(app: App) -> None:
    for name in ("a.ts", "a.js", "b.tsx", "b.js", "c.mts", "c.mjs"):
        app.write(name, "")
    assert {path.name for path in source_files([app.src])} == {"a.ts", "b.tsx", "c.mts"}


def test_links_and_sources_named_twice_count_once(app: App) -> None:
    path = app.write("a.ts", HEAD + SCHOOLS)
    (app.src / "b.ts").symlink_to(path)
    assert source_files([app.src, path]) == [path]


# The migrations folder ---------------------------------------------------------------------------------------------

GENERATED = (
    'ALTER TABLE "schools" ADD COLUMN "cms_id" integer;--> statement-breakpoint\n'
    'ALTER TABLE "schools" ADD CONSTRAINT "schools_cmsId_unique" UNIQUE("cms_id");'
)
WHOLE = (
    "-- ============================================\n-- SCHOOLS\n-- ============================================\n"
    'ALTER TABLE "schools" ADD COLUMN "cms_id" integer;--> statement-breakpoint\n'
    'UPDATE "schools" SET "cms_id" = "id";--> statement-breakpoint\n'
    'ALTER TABLE "schools" ADD CONSTRAINT "schools_cmsId_unique" UNIQUE("cms_id");\n'
)


def migration(app: App, sql: str, *, breakpoints: bool = True) -> Path:
    """The application's only migration, its schema files edited before."""
    app.edited(HEAD + SCHOOLS)
    folder = app.folder / "drizzle"
    (folder / "meta").mkdir(parents=True, exist_ok=True)
    journal = '{"entries": [{"idx": 0, "tag": "0000_a", "breakpoints": %s}]}'
    (folder / "meta" / "_journal.json").write_text(journal % str(breakpoints).lower())
    path = folder / "0000_a.sql"
    path.write_bytes(sql.encode())
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("", "", id="as it is"),
        pytest.param("--> statement-breakpoint", "", id="without breakpoints"),
        pytest.param("\n", "\r\n", id="other line ends"),
    ],
)
def test_the_generated_migration_is_filled_in(app: App, old: str, new: str) -> None:
    path = migration(app, GENERATED.replace(old, new), breakpoints="breakpoint" not in old)
    write_all(app.plan().changes)
    assert path.read_bytes().decode() == WHOLE.replace(old, new)
    assert app.plan().changes == ()
    assert "filled in already (whole)" in app.plan().notes[-1]
    assert app.plan().sql(Form.WHOLE) == WHOLE


def test_a_migration_can_be_made_a_marker_and_a_whole_again(app: App) -> None:
    path = migration(app, GENERATED)
    write_all(app.plan(form=Form.MARKER).changes)
    marked = path.read_text()
    assert marked == app.plan().sql(Form.MARKER)
    assert "('\"schools\"', 'schools_cmsId_unique')" in marked
    assert app.plan().changes == app.plan(form=Form.MARKER).changes == ()
    assert "filled in already (marker)" in app.plan().notes[-1]
    write_all(app.plan(form=Form.WHOLE).changes)
    assert path.read_text() == WHOLE


def test_a_migration_filled_in_by_hand_is_left_alone(app: App) -> None:
    migration(
        app,
        "-- by hand\nalter table schools add column cms_id integer;\n/* all of them */ UPDATE schools SET cms_id=id;\n"
        'alter table "schools" add constraint "schools_cmsId_unique" unique ("cms_id");\n',
    )
    assert app.plan().changes == ()


def test_tables_made_with_the_column_need_nothing(app: App) -> None:
    migration(
        app, 'CREATE TABLE "schools" (\n\t"id" serial,\n\t"cms_id" integer,\n\tCONSTRAINT "x" UNIQUE("cms_id")\n);'
    )
    assert app.plan().changes == ()
    assert "creates 1 core table with cms_id" in app.plan().notes[-1]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (
            GENERATED + '--> statement-breakpoint\nALTER TABLE "x" ADD COLUMN "y" text;',
            "holds more than the cms_id of core tables",
        ),
        (
            GENERATED.replace("schools", "xx") + "--> statement-breakpoint\n" + GENERATED,
            "for xx, which is no core table",
        ),
        (GENERATED.partition("-->")[0], "but no unique constraint on it"),
        (
            GENERATED + GENERATED.replace("schools", "other") + 'UPDATE "other" SET "cms_id" = "id";',
            "fills cms_id of some tables, but not of schools",
        ),
    ],
)
def test_a_migration_that_is_not_only_ours_is_named(app: App, sql: str, message: str) -> None:
    migration(app, sql)
    assert message in app.refused()


VIEWS = (
    'DROP VIEW "public"."all_schools";--> statement-breakpoint\n'
    'DROP MATERIALIZED VIEW "kept;";--> statement-breakpoint\n{}--> statement-breakpoint\n'
    'CREATE VIEW "public"."all_schools" AS (select "id", "cms_id" from "schools");--> statement-breakpoint\n'
    'CREATE MATERIALIZED VIEW "kept;" AS (select "cms_id" from "schools");'
)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_views_that_are_dropped_and_made_again_stay_around_the_statements(app: App, ends: str) -> None:
    whole = VIEWS.format(WHOLE.rstrip("\n")) + "\n"
    path = migration(app, VIEWS.format(GENERATED).replace("\n", ends))
    write_all(app.plan().changes)
    assert path.read_bytes().decode() == whole.replace("\n", ends)
    assert app.plan().changes == ()
    write_all(app.plan(form=Form.MARKER).changes)
    sql = app.plan().sql(Form.MARKER).rstrip("\n")
    assert path.read_bytes().decode() == VIEWS.format(sql).replace("\n", ends) + ends
    assert app.plan().changes == app.plan(form=Form.MARKER).changes == ()
    write_all(app.plan(form=Form.WHOLE).changes)
    assert path.read_bytes().decode() == whole.replace("\n", ends)


@pytest.mark.parametrize("line", [0, 1, 4, 5])
def test_a_view_that_is_only_dropped_or_only_made_is_not_ours(app: App, line: int) -> None:
    lines = VIEWS.format(GENERATED).splitlines()
    other = lines.pop(line).partition(";-->")[0]
    migration(app, "\n".join(lines))
    name = "all_schools" if "all_schools" in other else "kept;"
    told = app.refused()
    assert "holds more than the cms_id of core tables" in told
    assert name in told


def test_a_later_change_of_the_constraint_is_no_concern(app: App) -> None:
    migration(app, GENERATED.partition("breakpoint\n")[2])
    assert "no migration" in app.plan().notes[-1]


def test_a_broken_journal_is_named(app: App) -> None:
    migration(app, GENERATED)
    (app.folder / "drizzle" / "meta" / "_journal.json").write_text("{")
    assert "the journal of the application's migrations cannot be read" in app.refused()


def test_a_folder_for_each_migration_is_understood(app: App) -> None:
    app.edited(HEAD + SCHOOLS)
    folder = app.folder / "drizzle" / "20260101000000_a"
    folder.mkdir(parents=True)
    (folder / "migration.sql").write_text(GENERATED)
    write_all(app.plan().changes)
    assert (folder / "migration.sql").read_text() == WHOLE


def test_schema_and_migration_are_written_together_or_not_at_all(app: App) -> None:
    migration(app, GENERATED)
    app.write("schema.ts", HEAD + "const a = pgTable('schools', {});\n")
    assert "has no column id" in app.refused()


def test_sql_is_taken_apart_as_sql() -> None:
    text = "select ';', \"a;b\" -- ; no\n, $$;$$ /* ; */;\nselect $x$ $$ ; $x$"
    assert statements(text) == ["select ';', \"a;b\" , $$;$$", "select $x$ $$ ; $x$"]


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'schools'", "schools"),
        ('"schools"', "schools"),
        ("`schools`", "schools"),
        ("(('schools'))", "schools"),
        ("'schools' as const", "schools"),
        ("/* the table */ 'schools'", "schools"),
        (r"'sch\x6fols'", "schools"),
        (r"'sch\u006fols'", "schools"),
        (r"'sch\u{6f}ols'", "schools"),
        (r"'it\'s\ta\n'", "it's\ta\n"),
        ("`${name}`", None),
        ("name", None),
        ("pgTable", None),
    ],
)
def test_a_literal_is_read_as_typescript_reads_it(literal: str, value: str | None) -> None:
    file = TypeScript(Path("a.ts"), f"const read = {literal};".encode())
    assert string_value(file.values["read"]) == value


def test_a_diff_of_a_file_without_a_line_end_says_so(tmp_path: Path) -> None:
    lines = "".join(unified([Change(tmp_path / "a", b"x", b"x\ny")], tmp_path))
    assert lines.endswith("@@ -1 +1,2 @@\n-x\n\\ No newline at end of file\n+x\n+y\n\\ No newline at end of file\n")
