-- depends_on: {{ ref('cms_id_tracking', 'origin_summary') }}
select reader from {{ source('library', 'loans') }} where {{ cms_id_tracking.origin() }} = 'local'
