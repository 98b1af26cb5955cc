select
    id,
    cms_id,
    {{ origin() }} as origin
from {{ source('registry', 'modules') }}
