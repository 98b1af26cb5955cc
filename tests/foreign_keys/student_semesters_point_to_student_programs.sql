{{ after_cut_over() }}
{{ orphans('student_semesters', 'student_program_id', 'student_programs') }}
