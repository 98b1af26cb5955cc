{{ origin_view(source('registry', 'structures')) }}
