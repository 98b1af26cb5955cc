{{ after_cut_over() }}
{{ cms_id_constraint_differences() }}
