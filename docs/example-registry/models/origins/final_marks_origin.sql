{{ origin_view(source('registry', 'final_marks')) }}
