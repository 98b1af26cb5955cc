{{ after_cut_over() }}
{{ orphans('assessment_marks', 'student_module_id', 'student_modules') }}
