"""What this session's role cannot dump or restore, found out before it is tried."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

from driver.backup import prepared
from driver.backup.session import Session, one_value
from driver.errors import Problem
from driver.macro_sql import render_macro

if TYPE_CHECKING:
    from driver.dbt_project import CoreTable
    from driver.profile import Connection

DUMP, TRIAL, BESIDE, IN_PLACE = "dump", "trial", "beside", "in place"
# An evaluation that takes longer is given up: what it did not come to is left to the test restore.
LONGEST_EVALUATION = "2s"
# What is left where a backup can be taken and restored, but not on trial.
WITHOUT_PROOF = (
    "; or `scripts/cmsid run --without-test-restore`, which does not prove that the backup restores;"
    " `scripts/cmsid backup --verify --on embedded` proves that of one, on a temporary server of this machine"
)
# These say that it could not be tried here, not that it would fail.
UNTRIED = (
    psycopg.errors.QueryCanceled,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.InsufficientPrivilege,
)
# What a session has read it has locked, until its transaction ends.
READ_TABLES = (
    "select coalesce(array_agg(distinct l.relation::regclass::text), '{}') from pg_catalog.pg_locks as l"
    " inner join pg_catalog.pg_class as c on l.relation = c.oid and c.relkind in ('r', 'p', 'm', 'f')"
    " where l.pid = pg_backend_pid() and c.oid >= 16384 and c.oid <> %s"
)


@dataclass(frozen=True)
class Hindrance:
    """Something that stands in the way of a backup or of a way back.

    Attributes:
        code: what kind of thing.
        hinders: which of dump, trial (the test restore), beside (a restore beside the live database) and in place.
        blocks: whether no run should begin.
        detail: what it is, in words.
        remedy: what to do.
    """

    code: str
    hinders: frozenset[str]
    detail: str
    remedy: str
    blocks: bool = False


def find(
    session: Session,
    connection: Connection,
    *,
    tables: Collection[CoreTable] = (),
    objects: int = 0,
    test_restore: bool = True,
) -> list[Hindrance]:
    """All that hinders, without changing anything.

    Of the core tables given, row level security is told elsewhere; objects are how many a backup holds that is to be
    restored in place; and `test_restore` says whether a run cannot do without it.
    """
    template = prepared.find_template(connection, session)
    usable = template.objects if template and not template.problems else []
    query = render_macro("preflight_backup_findings", tables=tables, prepared=usable, objects=objects)
    with session.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query.encode()).fetchall()
    found = [Hindrance(row["finding"], frozenset(row["hinders"]), row["detail"], row["remedy"]) for row in rows]
    lacking = [each for each in found if each.code == "extension" and TRIAL in each.hinders]
    problems = template.problems + [f"it lacks what it is for: {each.detail}" for each in lacking] if template else []
    if template and problems:
        detail = f"the template {template.name} is not used: {'; '.join(problems)}"
        found.append(Hindrance("template", frozenset(), detail, "have a superuser drop it, and prepare it anew"))
    found += _evaluations(session)
    left = {BESIDE, IN_PLACE}.difference(*(hindrance.hinders for hindrance in found))
    needed = {DUMP, *([TRIAL] if test_restore else []), *([] if left else [BESIDE, IN_PLACE])}
    return [
        replace(
            hindrance,
            blocks=bool(hindrance.hinders & needed),
            remedy=hindrance.remedy + (WITHOUT_PROOF if test_restore and hindrance.hinders & needed == {TRIAL} else ""),
        )
        for hindrance in found
    ]


def only_in_place(found: Collection[Hindrance]) -> bool:
    """Whether what hinders leaves a restore in place as the only way back."""
    hindered = frozenset().union(*(hindrance.hinders for hindrance in found))
    return BESIDE in hindered and IN_PLACE not in hindered


def require(session: Session, connection: Connection, *steps: str, objects: int = 0) -> None:
    """Refuse what could not be done of these steps, before they are begun, in a session outside a transaction."""
    with session.transaction(force_rollback=True):
        found = [
            each for each in find(session, connection, objects=objects, test_restore=False) if each.hinders & set(steps)
        ]
    if found:
        raise Problem(
            "; ".join(hindrance.detail for hindrance in found),
            where=connection.describe(),
            do="; ".join(hindrance.remedy for hindrance in found),
        )


def _evaluations(session: Session) -> Iterator[Hindrance]:
    """What a restore evaluates otherwise: tried on the rows there are, as a restore would."""
    with session.transaction(force_rollback=True), session.cursor(row_factory=dict_row) as cursor:
        cursor.execute("set transaction read only")
        cursor.execute("select set_config('search_path', '', true)")
        with session.transaction(force_rollback=True):  # and with it the locks on what views read
            rows = cursor.execute(render_macro("preflight_evaluation_queries").encode()).fetchall()
        for row in rows:
            where = row["evaluated"] + (f" (by {row['functions']})" if row["functions"] else "")
            try:
                before = one_value(session, READ_TABLES, row["relation_oid"])
                with session.transaction(force_rollback=True):
                    session.execute("select set_config('statement_timeout', %s, true)", [LONGEST_EVALUATION])
                    counted = session.execute(row["evaluation_query"].encode()).fetchone()
                    read = one_value(session, READ_TABLES, row["relation_oid"])
            except UNTRIED:
                continue
            except psycopg.Error as error:
                yield Hindrance(
                    "evaluation_fails",
                    frozenset(row["hinders"]),
                    f"a restore evaluates {where} with an empty search path, and that fails: {error.diag.message_primary}",
                    row["remedy"] or "have it evaluate alike in every session",
                )
                continue
            if counted and counted[1]:
                yield Hindrance(
                    "evaluation_fails",
                    frozenset(row["hinders"]),
                    f"a restore refuses rows that are there ({counted[1]}): {where} does not hold for them any more",
                    "correct the rows, or make the constraint NOT VALID",
                )
            others = sorted(set(read) - set(before))
            if row["is_filling"] and others:
                yield Hindrance(
                    "evaluation_reads",
                    frozenset(row["hinders"]),
                    f"a restore fills tables side by side, and {where} reads {', '.join(others)}, which may be empty then",
                    "make it a foreign key or a trigger, or make the constraint NOT VALID",
                )
