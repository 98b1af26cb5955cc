{{ origin_view(source('registry', 'structure_semesters')) }}
