{{ after_cut_over() }}
{{ orphans('student_semesters', 'structure_semester_id', 'structure_semesters') }}
