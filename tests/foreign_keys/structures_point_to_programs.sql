{{ after_cut_over() }}
{{ orphans('structures', 'program_id', 'programs') }}
