{{ after_cut_over() }}
{{ orphans('student_modules', 'semester_module_id', 'semester_modules') }}
