"""docs/another-registry.md in a folder of its own: tables of awkward names go from a migration to undo and restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.backups import drop_all
from support.consumer import Consumer

if TYPE_CHECKING:
    from support.registry import Registry

SCHEMA = '"Cours & Élèves"'
KEYS = {
    f'{SCHEMA}."Étudiant ""inscrit"""': '"Matrikel Nr"',
    f'{SCHEMA}."order"': '"ID"',
    f'{SCHEMA}."Note.finale"': '"user"',
}
MIGRATED = dict(zip(KEYS, (200, 1000, 3000), strict=True))
TABLES = 'Note.finale,order,Étudiant "inscrit"'


@pytest.mark.thorough
def test_from_configure_to_restore(tmp_path: Path, empty_registry: Registry) -> None:
    consumer = Consumer(tmp_path, empty_registry, (Path(__file__).parent / "support" / "awkward_names.sql").read_text())
    consumer.write_project()
    consumer.cmsid("configure", "--tables", TABLES, "--write")
    try:
        printed = consumer.cmsid("run")
        assert "PASSED: 7 of 13 checklist lines passed" in printed
        assert printed.count("is about tables of the procedure's own registry") == 6
        assert consumer.cms_ids(KEYS) == MIGRATED
        kinds = empty_registry.rows(
            "select distinct format_type(atttypid, atttypmod) from pg_attribute"
            " where attname = 'cms_id' and attrelid = any(%s::regclass[])",
            [list(KEYS)],
        )
        assert kinds == [("bigint",)]
        origins = empty_registry.rows(
            "select table_name, origin, row_count from cms_id_audit.origin_summary order by 1"
        )
        assert origins == [("etudiant_inscrit", "cms", 200), ("note_finale", "cms", 3000), ("order", "cms", 1000)]
        # the first local row gets an id that nobody has, and no cms_id
        empty_registry.execute(f'insert into {SCHEMA}."order" ("from") values (9000000007)')
        newest = empty_registry.rows(f'select "ID", cms_id from {SCHEMA}."order" order by 1 desc limit 1')
        assert newest == [(3001, None)]
        empty_registry.execute(f'delete from {SCHEMA}."order" where cms_id is null')
        assert "3 tables, all migrated" in consumer.cmsid("doctor")
        consumer.cmsid("undo", "--yes")
        assert consumer.cms_ids(KEYS) == {}
        assert "PASSED: 7 of 13" in consumer.cmsid("run", "--mode", "online")
        assert consumer.cms_ids(KEYS) == MIGRATED
        empty_registry.execute(f'delete from {SCHEMA}."Remarque"')
        consumer.cmsid("restore", "--yes")
        assert consumer.cms_ids(KEYS) == {}
        assert empty_registry.value(f'select count(*) from {SCHEMA}."Remarque"') == 50
    finally:
        drop_all(empty_registry.server, empty_registry.dbname)
