{{ origin_view(source('registry', 'next_of_kins')) }}
