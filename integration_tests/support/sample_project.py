"""The project and a connection as the driver has them, for tests that call the doctor's functions themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.dbt_project import CoreTable, DbtProject
from support.local_rows import CORE_TABLES
from support.registry import OWNER

if TYPE_CHECKING:
    from driver import profile
    from support.registry import Registry


class SampleProject(DbtProject):
    """The project, whose core tables are known without asking dbt."""

    def core_tables(self) -> list[CoreTable]:
        schema = str(self.var("registry_schema"))
        return [CoreTable(name, schema, name, "id", f"{name}_cms_id_unique") for name in CORE_TABLES]


def connection_of(registry: Registry, user: str = OWNER) -> profile.Connection:
    """The connection that a profile for this role would give."""
    return registry.server.reach(registry.dbname, user, target="registry", profiles_dir=registry.profiles_dir)
