{{ origin_view(source('registry', 'programs')) }}
