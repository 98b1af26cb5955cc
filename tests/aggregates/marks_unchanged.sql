{{ after_cut_over() }}
{{ aggregate_differences('marks') }}
