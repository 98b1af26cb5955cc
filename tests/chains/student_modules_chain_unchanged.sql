{{ after_cut_over() }}
{{ chain_differences('student_modules_chain') }}
