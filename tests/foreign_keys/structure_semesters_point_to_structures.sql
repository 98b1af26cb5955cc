{{ after_cut_over() }}
{{ orphans('structure_semesters', 'structure_id', 'structures') }}
