{{ after_cut_over() }}
{{ cms_id_kept_differences() }}
