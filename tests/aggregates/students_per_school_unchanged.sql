{{ after_cut_over() }}
{{ aggregate_differences('students_per_school') }}
