"""An application that writes to the registry all the time: four sessions that insert, update and delete.

Run as a process of its own, so that what it measures is the server and not the test beside it. It writes until its
standard input ends, and then tells as one JSON line what it did. Each writer changes and deletes only rows of its own
share (by the remainder of their id), so that what every row must be in the end is known.

Whether a row was inserted before or after the cut-over is asked in the very transaction that inserts it: its lock on
the table keeps the cut-over out until that transaction has ended, so the answer is exact.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

WRITERS = 4
# table -> the column that is changed, and what an insert gives it and the others
TABLES: dict[str, tuple[str, str]] = {
    "student_modules": (
        "marks",
        (
            "insert into student_modules (semester_module_id, status, marks, grade, student_semester_id, credits)"
            " select (select min(id) from semester_modules), 'Add', %s, 'A', (select max(id) from student_semesters), 3"
            " returning id"
        ),
    ),
    "student_education": (
        "school_name",
        "insert into student_education (std_no, school_name) select min(std_no), %s from students returning id",
    ),
    "modules": ("name", "insert into modules (code, name) values ('NEW', %s) returning id"),
    "next_of_kins": (
        "name",
        (
            "insert into next_of_kins (std_no, name, relationship) select max(std_no), %s, 'Other' from students"
            " returning id"
        ),
    ),
}
REFERENCED = ("modules",)  # rows that others point to without a cascade are not deleted


@dataclass
class Writer:
    """One session. All times are seconds of the system's clock."""

    number: int
    statements: list[tuple[float, float]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    inserted: dict[str, dict[int, bool]] = field(default_factory=lambda: {table: {} for table in TABLES})
    values: dict[str, dict[int, str]] = field(default_factory=lambda: {table: {} for table in TABLES})
    deleted: dict[str, list[int]] = field(default_factory=lambda: {table: [] for table in TABLES})

    def timed(self, connection: psycopg.Connection[Any], statement: str, *values: Any) -> Any:
        """Run a statement and note when it began and how long it took. Returns the first column of its first row."""
        began = time.time()
        cursor = connection.execute(statement.encode(), values or None)
        self.statements.append((began, time.time() - began))
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None

    def write(self, stop: threading.Event, shared: threading.Barrier) -> None:
        """Write until told to stop, once every writer knows its share: a row that is inserted is the inserter's alone."""
        chance = random.Random(self.number)  # noqa: S311  nothing secret
        with psycopg.connect(autocommit=True, application_name=f"writer {self.number}") as connection:
            ids = {table: self.share(connection, table) for table in TABLES}
            shared.wait()
            count = 0
            while not stop.is_set():
                count += 1
                table = chance.choices(list(TABLES), (6, 2, 1, 1))[0]
                kind = chance.choices(("insert", "update", "delete", "both"), (3, 5, 1, 2))[0]
                value = f"w{self.number}-{count}"
                try:
                    if kind == "insert":
                        self.insert(connection, table, value, ids[table])
                    elif kind == "delete":
                        self.delete(connection, table, ids[table], chance)
                    else:
                        self.update(
                            connection, [table, "student_modules"] if kind == "both" else [table], value, ids, chance
                        )
                except psycopg.Error as error:
                    self.failures.append(f"{kind} {table}: {error}")
                time.sleep(0.002)

    def share(self, connection: psycopg.Connection[Any], table: str) -> list[int]:
        """The ids of this writer's rows."""
        rows = connection.execute(f"select id from {table} where id %% {WRITERS} = %s".encode(), [self.number])
        return [row[0] for row in rows]

    def insert(self, connection: psycopg.Connection[Any], table: str, value: str, ids: list[int]) -> None:
        """Insert a row and ask, in the same transaction, on which side of the cut-over it is."""
        began = time.time()
        with connection.transaction():
            new_id = self.timed(connection, TABLES[table][1], value)
            after = self.timed(
                connection,
                "select exists (select 1 from pg_attribute where attrelid = %s::regclass and attname = 'cms_id')",
                table,
            )
            committing = time.time()
        self.statements.append((committing, time.time() - committing))
        self.statements.append((began, time.time() - began))
        self.inserted[table][new_id] = after
        self.values[table][new_id] = value
        ids.append(new_id)

    def update(
        self,
        connection: psycopg.Connection[Any],
        tables: list[str],
        value: str,
        ids: dict[str, list[int]],
        chance: random.Random,
    ) -> None:
        """Change a row of each of the tables, in one transaction."""
        chosen = [(table, chance.choice(ids[table])) for table in tables if ids[table]]
        with connection.transaction():
            for table, row_id in chosen:
                self.timed(connection, f"update {table} set {TABLES[table][0]} = %s where id = %s", value, row_id)
            committing = time.time()
        self.statements.append((committing, time.time() - committing))
        for table, row_id in chosen:
            self.values[table][row_id] = value

    def delete(self, connection: psycopg.Connection[Any], table: str, ids: list[int], chance: random.Random) -> None:
        """Delete a row."""
        if not ids or table in REFERENCED:
            return
        row_id = ids.pop(chance.randrange(len(ids)))
        self.timed(connection, f"delete from {table} where id = %s", row_id)
        self.deleted[table].append(row_id)
        self.values[table].pop(row_id, None)


def main() -> None:
    """Write until standard input ends."""
    stop = threading.Event()
    shared = threading.Barrier(WRITERS)
    writers = [Writer(number) for number in range(WRITERS)]
    threads = [threading.Thread(target=writer.write, args=(stop, shared)) for writer in writers]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()
    told = {
        "statements": sorted(statement for writer in writers for statement in writer.statements),
        "failures": [failure for writer in writers for failure in writer.failures],
        "inserted": {table: {k: v for w in writers for k, v in w.inserted[table].items()} for table in TABLES},
        "values": {table: {k: v for w in writers for k, v in w.values[table].items()} for table in TABLES},
        "deleted": {table: [row_id for w in writers for row_id in w.deleted[table]] for table in TABLES},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
