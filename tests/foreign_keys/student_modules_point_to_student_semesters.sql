{{ after_cut_over() }}
{{ orphans('student_modules', 'student_semester_id', 'student_semesters') }}
