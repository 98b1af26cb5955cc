{{ after_cut_over() }}
{{ row_differences() }}
