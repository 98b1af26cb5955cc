{{ after_cut_over() }}
{{ catalogue_differences() }}
