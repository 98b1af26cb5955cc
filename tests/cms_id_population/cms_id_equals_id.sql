{{ after_cut_over() }}
{{ cms_id_population_differences() }}
