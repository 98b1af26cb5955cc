{{ after_cut_over() }}
{{ foreign_key_orphans() }}
