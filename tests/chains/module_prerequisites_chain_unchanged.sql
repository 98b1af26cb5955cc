{{ after_cut_over() }}
{{ chain_differences('module_prerequisites_chain') }}
