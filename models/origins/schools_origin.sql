{{ origin_view(source('registry', 'schools')) }}
