{{ after_cut_over() }}
{{ chain_differences('student_school_chain') }}
