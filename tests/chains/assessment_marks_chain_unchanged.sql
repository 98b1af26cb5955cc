{{ after_cut_over() }}
{{ chain_differences('assessment_marks_chain') }}
