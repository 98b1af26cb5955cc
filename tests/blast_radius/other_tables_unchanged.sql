{{ after_cut_over() }}
{{ other_table_differences() }}
