{{ origin_view(source('registry', 'student_modules')) }}
