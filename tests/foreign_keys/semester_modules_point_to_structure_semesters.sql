{{ after_cut_over() }}
{{ orphans('semester_modules', 'semester_id', 'structure_semesters') }}
