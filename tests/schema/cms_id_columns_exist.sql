{{ after_cut_over() }}
{{ cms_id_column_differences() }}
