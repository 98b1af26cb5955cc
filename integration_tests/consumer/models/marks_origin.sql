{{ cms_id_tracking.origin_view(source('teaching', 'marks')) }}
