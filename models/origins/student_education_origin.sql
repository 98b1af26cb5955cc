{{ origin_view(source('registry', 'student_education')) }}
