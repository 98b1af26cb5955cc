{{ after_cut_over() }}
{{ orphans('semester_modules', 'module_id', 'modules') }}
