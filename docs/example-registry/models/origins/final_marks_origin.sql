select
    "user" as id,
    cms_id,
    {{ origin() }} as origin
from {{ core_table('final_marks') }}
