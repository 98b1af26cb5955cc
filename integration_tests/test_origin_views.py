"""The views for the application: what it builds on them, and what it sets on them, outlives every later run of dbt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.registry import AUDIT_SCHEMA, NO_BACKUP, SUPERUSER

if TYPE_CHECKING:
    from support.registry import Registry

VIEW = f"{AUDIT_SCHEMA}.schools_origin"
SETTINGS = f"select relacl::text, reloptions from pg_class where oid = '{VIEW}'::regclass"


def test_what_stands_on_a_view_stays(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.dbt_ok("run", variables=NO_BACKUP)
    registry.execute(
        f"""
        create view local_schools as select * from {VIEW} where origin = 'local';
        grant select on {VIEW} to public;
        comment on view {VIEW} is 'of the application';
        alter view {VIEW} set (security_barrier = true);
        """
    )
    before = registry.rows(SETTINGS)
    run = registry.dbt_ok("--log-level", "debug", "run", variables=NO_BACKUP)
    assert run.output.count("pg_try_advisory_xact_lock(") == 1, "the summary looks for all of them"
    assert registry.value("select count(*) from local_schools") == 0
    assert registry.rows(SETTINGS) == before
    assert registry.value(f"select obj_description('{VIEW}'::regclass)") == "of the application"


def test_a_view_with_other_columns_is_made_anew_unless_something_stands_on_it(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.execute("create role reader; grant reader to registry_owner", user=SUPERUSER)
    try:
        registry.execute(
            f"""
            create view {VIEW} with (security_barrier = true) as select id, code, cms_id from schools;
            create view codes as select code from {VIEW};
            grant select on {VIEW} to public;
            grant select on {VIEW} to reader with grant option;
            """
        )
        before = registry.rows(SETTINGS)
        refused = registry.dbt("run", "--select", "schools_origin", variables=NO_BACKUP)
        assert not refused.success
        assert "view codes depends on view cms_id_audit.schools_origin" in refused.output
        registry.execute("drop view codes")
        registry.dbt_ok("run", "--select", "schools_origin", variables=NO_BACKUP)
        assert registry.columns(VIEW) == ["id", "cms_id", "origin"]
        assert registry.rows(SETTINGS) == before
    finally:
        registry.execute(f"drop view if exists {VIEW} cascade; drop role reader", user=SUPERUSER)


@pytest.mark.thorough
def test_a_table_in_a_views_place_is_kept(migrated_registry: Registry) -> None:
    registry = migrated_registry
    registry.execute(f"create table {VIEW} as select 1 as precious")
    refused = registry.dbt("run", "--select", "schools_origin", variables=NO_BACKUP)
    assert not refused.success
    assert "is a table, and is to be a view" in refused.output
    assert registry.rows(f"select * from {VIEW}") == [(1,)]
