select
    "ID" as id,
    cms_id,
    {{ origin() }} as origin
from {{ core_table('orders') }}
