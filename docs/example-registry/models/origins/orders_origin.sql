{{ origin_view(source('registry', 'orders')) }}
