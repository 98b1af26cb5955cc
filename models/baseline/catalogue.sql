select
    object_kind,
    object_name,
    definition,
    object_kind || ' ' || object_name as object
from ({{ catalogue_objects(target.schema, var('ledger_schemas')) }}) as described
