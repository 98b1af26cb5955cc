select
    object_kind || ' ' || object_name as object,
    object_kind,
    object_name,
    definition
from ({{ catalogue_objects(target.schema, var('ledger_schemas')) }}) as objects
