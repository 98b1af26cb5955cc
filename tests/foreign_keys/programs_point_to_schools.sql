{{ after_cut_over() }}
{{ orphans('programs', 'school_id', 'schools') }}
