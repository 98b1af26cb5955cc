{{ origin_view(source('registry', 'enrolled_students')) }}
