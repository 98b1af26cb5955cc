"""The doctor's estimates against what is then measured: within a factor of two.

Sizes are what they are. Time is not: on a machine that others use as well, work may take any time. So the time is estimated
right before it is measured, and of a few attempts one has to fit.

CMSID_TEST_SCALES="0.1 1 10" measures at other scales than the usual one.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from driver import sample_registry
from driver.doctor import examine
from support.local_rows import CORE_TABLES
from support.plan import plan_of
from support.registry import NO_BACKUP, OWNER, SUPERUSER, Registry
from support.sample_project import SampleProject, connection_of

if TYPE_CHECKING:
    from conftest import Servers
    from driver.result import Figures
    from support.dbt_runner import Dbt

FACTOR = 2.0
SCALES = [float(scale) for scale in os.environ.get("CMSID_TEST_SCALES", "0.1").split()]
HOUR = 3600.0


@dataclass
class Measured:
    """What a migration took: seconds, seconds under lock, bytes of WAL, bytes on the disk beside what was there."""

    seconds: float
    lock_seconds: float
    wal_bytes: int
    disk_bytes: int


def table_bytes(registry: Registry) -> int:
    """Bytes of all core tables."""
    query = "select sum(pg_total_relation_size(name::regclass)) from unnest(%s::text[]) as name"
    return int(registry.value(query, [list(CORE_TABLES)]))


def wal_position(registry: Registry) -> int:
    """Bytes of WAL written so far."""
    return int(registry.value("select pg_current_wal_insert_lsn() - '0/0'::pg_lsn", user=SUPERUSER))


def run_window(registry: Registry) -> Measured:
    """Window mode, statement by statement."""
    plan = plan_of(registry)
    begins = wal_position(registry)
    locked_at = 0.0
    with registry.connect() as connection:
        began = time.perf_counter()
        for step in plan:
            if step.label.startswith("lock "):
                locked_at = time.perf_counter()
            connection.execute(step.sql.encode())
        ended = time.perf_counter()
    # both copies are on the disk until the commit
    return Measured(ended - began, ended - locked_at, wal_position(registry) - begins, table_bytes(registry))


def run_online(registry: Registry) -> Measured:
    """Online mode."""
    before, begins = table_bytes(registry), wal_position(registry)
    registry.dbt_ok("run-operation", "add_cms_id", "--args", "{mode: online}", variables=NO_BACKUP, timeout=HOUR)
    seconds = registry.value(
        "select extract(epoch from max(finished_at) - min(cut_over_at)) from cms_id_audit.migrations"
    )
    lock = registry.value(
        "select max(substring(detail from 'for ([0-9.]+) ms')::float8) from cms_id_audit.events where detail like '%locked at%'"
    )
    return Measured(float(seconds), float(lock) / 1000, wal_position(registry) - begins, table_bytes(registry) - before)


def misses(estimate: Figures, measured: Measured) -> dict[str, tuple[float, float]]:
    """What is further off than the factor: {what: (estimated, measured)}. Milliseconds of locks are as good as none."""
    return {
        name: (expected, found)
        for name, found in vars(measured).items()
        if not (expected := getattr(estimate, name)) / FACTOR <= found <= expected * FACTOR
        and not (name == "lock_seconds" and max(expected, found) < 0.2)
    }


@pytest.mark.timeout(HOUR)
@pytest.mark.alone
@pytest.mark.thorough
@pytest.mark.parametrize("scale", SCALES)
def test_the_estimates_are_within_a_factor_of_two(servers: Servers, dbt_runner: Dbt, major: int, scale: float) -> None:
    server = servers.server(major)

    def fill() -> dict[str, int]:
        with server.connect("registry", OWNER) as connection:
            counts = sample_registry.load(connection, scale)
        Registry(server, "registry", dbt_runner, counts).dbt_ok("snapshot", variables=NO_BACKUP, timeout=HOUR)
        return counts

    servers.template(major, f"template_estimates_{scale}", None, fill)
    try:
        for mode, run in (("window", run_window), ("online", run_online)):
            tried = []
            for _ in range(3):
                server.drop_database("registry")
                server.create_database("registry", OWNER, f"template_estimates_{scale}")
                registry = Registry(server, "registry", dbt_runner, {})
                estimate = examine(connection_of(registry), SampleProject()).estimates[mode]
                measured = run(registry)
                print(f"{mode} at {scale}: estimated {estimate}, measured {measured}")
                missed = misses(estimate, measured)
                assert not missed.keys() & {"wal_bytes", "disk_bytes"}, missed
                tried.append(missed)
                if not missed:
                    break
            assert {} in tried, tried
    finally:
        server.drop_database("registry")
        server.drop_database(f"template_estimates_{scale}")
