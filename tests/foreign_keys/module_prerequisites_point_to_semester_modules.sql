{{ after_cut_over() }}
{{ orphans('module_prerequisites', 'semester_module_id', 'semester_modules') }}
