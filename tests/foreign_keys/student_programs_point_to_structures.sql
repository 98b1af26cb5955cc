{{ after_cut_over() }}
{{ orphans('student_programs', 'structure_id', 'structures') }}
