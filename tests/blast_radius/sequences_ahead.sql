{{ after_cut_over() }}
{{ sequence_differences() }}
