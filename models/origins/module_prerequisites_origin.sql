{{ origin_view(source('registry', 'module_prerequisites')) }}
