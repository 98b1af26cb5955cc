"""The documentation against the project: links, commands, options, vars, tests, and the README's own commands."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import yaml

from driver import cli

if TYPE_CHECKING:
    from support.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
# The two that take minutes are the CI job itself and a test of their own.
RUN_ELSEWHERE = {"./scripts/cmsid demo", "./scripts/test"}


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert broken == []


def _commands() -> list[tuple[str, click.Command]]:
    context = click.Context(cli.cmsid)
    commands = [(name, cli.cmsid.get_command(context, name)) for name in cli.cmsid.list_commands(context)]
    return [(name, command) for name, command in commands if command is not None]


@pytest.mark.parametrize(("name", "command"), _commands(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_and_option_has_help_and_stands_in_the_reference(name: str, command: click.Command) -> None:
    assert command.help
    # The command's own rows: its first, and those below that name no other.
    rows = re.search(rf"^\| `{name}` \|.*\n(?:\| \|.*\n)*", REFERENCE, re.MULTILINE)
    assert rows, name
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{name} {option.opts}"
            assert re.search(rf"`{option.opts[-1]}\b", rows[0]), f"{name} {option.opts}"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_spelt_as_they_are(page: Path) -> None:
    options = {
        name: {"-h", *(opt for option in command.params for opt in option.opts)} for name, command in _commands()
    }
    for name, rest in re.findall(r"(?<!\w)(?:scripts/)?cmsid ([a-z]+)\b([^`#\n|&]*)", page.read_text("utf-8")):
        assert name in options, f"cmsid {name}"
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) - options[name] == set(), f"cmsid {name}{rest}"


def test_every_operation_and_var_stands_in_the_reference() -> None:
    for macro in (ROOT / "macros" / "commands").glob("*.sql"):
        assert f"`{macro.stem}`" in REFERENCE
    project = yaml.safe_load((ROOT / "dbt_project.yml").read_text("utf-8"))
    for var in project["vars"]:
        assert f"`{var}`" in REFERENCE or var.startswith("dbt_date:"), var


def test_every_macro_is_described_once() -> None:
    """Where people call it, in YAML (dbt-bouncer sees to its arguments); else by the comment that it begins with.

    `_x_of` is x, of one table.
    """
    described = {
        macro["name"]
        for file in (ROOT / "macros").rglob("*.yml")
        for macro in yaml.safe_load(file.read_text())["macros"]
    }
    bare = {
        file.stem
        for file in (ROOT / "macros").rglob("*.sql")
        if not re.search(r"\{%-? (?:macro|materialization) [^%]*%\}\s*\{#-? \S", file.read_text("utf-8"))
    }
    assert {"add_cms_id", "drop_cms_id", "origin"} <= described
    assert {name for name in bare - described if not re.fullmatch(r"_\w+_of", name)} == set()


def test_every_variable_of_the_environment_stands_in_the_reference() -> None:
    sources = [
        path.read_text("utf-8") for folder in ("scripts", "integration_tests") for path in (ROOT / folder).rglob("*.py")
    ]
    named = set(re.findall(r"\bCMSID_[A-Z]\w+", "\n".join(sources)))
    assert named
    assert {name for name in named if f"`{name}`" not in REFERENCE} == set()


def test_every_data_test_is_explained() -> None:
    """What it finds, why that matters and what to do."""
    page = (ROOT / "docs" / "tests.md").read_text("utf-8")
    paragraphs = [" ".join(paragraph.split()) for paragraph in page.split("\n\n")]
    for file in (ROOT / "tests").rglob("*.sql"):
        name = "**Thirteen tests**" if file.parent.name == "foreign_keys" else f"`{file.stem}`"
        about = next((text for text in paragraphs if name in text.partition(" (")[0]), "")
        assert [word for word in ("*Finds*", "*Matters*", "*Do*") if word not in about] == [], file.stem


@pytest.mark.thorough
def test_the_sql_of_the_developers_guide_does_what_it_says(migrated_registry: Registry) -> None:
    migrated_registry.dbt_ok("run", variables={"require_backup": False})
    page = (ROOT / "docs" / "for-application-developers.md").read_text("utf-8")
    for block in re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        migrated_registry.execute(block)
    origins = "select count(*) from cms_id_audit.{} where {}"
    assert migrated_registry.value(origins.format("schools_origin", "origin = 'local'")) == 1
    assert migrated_registry.value(origins.format("modules_origin", "cms_id = 48213 and origin = 'cms'")) == 1


# The procedure's own headings and numbered items, in its order. Its text is not part of this project.
HEADINGS = """
Introduction
Objective
What this migration does NOT do
Tables to Migrate
12 Core Tables
`students` is excluded
Schema File Locations
Part A: Schema Changes
Phase 1: Update Schema Files
Phase 2: Generate Drizzle Migration
Phase 3: Edit Migration SQL
Part B: Pre-Migration Data Snapshot
Create Snapshot Directory
Export Row Counts
Export Critical Relationship Data (Pre-Migration)
1. Student → Program → Structure → School Chain
2. Student → Semester → Modules Chain
3. Assessment Marks Chain
4. Module Prerequisites
5. All Tables ID Snapshot
Part C: Migration Execution
1. Ensure Backup Exists
2. Run the Migration
If migration fails
Part D: Comprehensive Data Integrity Validation
Validation Category 1: Schema Verification
Test 1.1
Test 1.2
Validation Category 2: Row Count Integrity
Test 2.1
Validation Category 3: cms_id Population Integrity
Test 3.1
Validation Category 4: Foreign Key Relationship Integrity
Test 4.1
Test 4.2
Test 4.3
Test 4.4
Test 4.5
Test 4.6
Test 4.7
Test 4.8
Test 4.9
Test 4.10
Test 4.11
Test 4.12
Test 4.13
Validation Category 5: Data Chain Comparison
Test 5.1
Test 5.2
Test 5.3
Test 5.4
Validation Category 6: ID Column Integrity
Test 6.1
Validation Category 7: Uniqueness Verification
Test 7.1
Validation Category 8: Aggregate Data Verification
Test 8.1
Test 8.2
Part E: Success Criteria Checklist
If ANY test fails
Part F: Rollback Procedure
Notes
""".strip().splitlines()


def test_every_heading_of_the_procedure_leads_somewhere() -> None:
    page = (ROOT / "docs" / "procedure.md").read_text("utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    here = [
        [number for number, (item, *_) in enumerate(rows) if re.search(rf"(?<![\w.]){re.escape(heading)}(?!\d)", item)]
        for heading in HEADINGS
    ]
    assert [heading for heading, found in zip(HEADINGS, here, strict=True) if not found] == []
    order = [found[0] for found in here]
    assert order == sorted(order), "the items are in another order than the procedure's"
    assert [item for item, implementation, _ in rows[1:] if "](" not in implementation] == []
    assert "not done" not in page


def _readme_commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line.split(" #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("export ")]


@pytest.mark.thorough
def test_the_commands_of_the_readme_run(registry: Registry, tmp_path: Path) -> None:
    """In the README's order, on one registry; those that ask are told yes."""
    commands = _readme_commands()
    assert set(commands) >= RUN_ELSEWHERE
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},  # others measure
        **registry.environment,
        "DBT_PROFILES_DIR": str(registry.profiles_dir),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path),
    }
    for command in commands:
        if command in RUN_ELSEWHERE:
            continue
        program, *words = shlex.split(command)
        if words[0] in ("undo", "restore"):
            words.append("--yes")
        done = registry.runner.forker.start(Path(program).name, words, environment, ROOT)
        assert done.wait(300) == 0, f"{command}\n{done.text}"
