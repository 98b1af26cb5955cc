{{ after_cut_over() }}
{{ id_differences() }}
