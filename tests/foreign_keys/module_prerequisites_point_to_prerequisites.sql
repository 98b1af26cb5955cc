{{ after_cut_over() }}
{{ orphans('module_prerequisites', 'prerequisite_id', 'semester_modules') }}
