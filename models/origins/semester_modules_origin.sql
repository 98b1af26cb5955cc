{{ origin_view(source('registry', 'semester_modules')) }}
