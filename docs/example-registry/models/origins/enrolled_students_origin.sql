select
    "Matrikel Nr" as id,
    cms_id,
    {{ origin() }} as origin
from {{ core_table('enrolled_students') }}
