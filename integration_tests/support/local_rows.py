"""Rows as the registry's own application writes them: every column but cms_id, for every core table."""

from __future__ import annotations

# Columns whose values must not be those of the row that is copied.
_DISTINCT: dict[str, dict[str, str]] = {
    "schools": {"code": "'local school'"},
    "programs": {"code": "'local program'"},
    "structures": {"code": "'local structure'"},
    "module_prerequisites": {
        # any pair of two that is not there
        "semester_module_id": "(select max(id) from semester_modules)",
        "prerequisite_id": "(select min(id) from semester_modules)",
    },
}

CORE_TABLES = (
    "module_prerequisites",
    "modules",
    "next_of_kins",
    "programs",
    "schools",
    "semester_modules",
    "structure_semesters",
    "structures",
    "student_education",
    "student_modules",
    "student_programs",
    "student_semesters",
)


def insert_local_row(table: str, columns: list[str], new_id: int | None = None) -> str:
    """A statement that inserts one row, a copy of the first one but for its id.

    Args:
        table: the core table.
        columns: its columns; id and cms_id among them are left to the table's defaults.
        new_id: the id; by default the next of the table's sequence.
    """
    copied = [column for column in columns if column not in ("id", "cms_id")]
    values = [_DISTINCT.get(table, {}).get(column, f'"{column}"') for column in copied]
    names = [f'"{column}"' for column in copied]
    if new_id is not None:
        names, values = ["id", *names], [str(new_id), *values]
    return (
        f"insert into {table} ({', '.join(names)}) select {', '.join(values)} from {table}"
        f" where id = (select min(id) from {table})"
    )
