{{ after_cut_over() }}
{{ row_count_differences() }}
