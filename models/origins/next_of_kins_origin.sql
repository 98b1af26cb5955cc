select
    id,
    cms_id,
    {{ origin() }} as origin
from {{ source('registry', 'next_of_kins') }}
