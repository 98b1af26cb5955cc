{{ origin_view(source('registry', 'modules')) }}
