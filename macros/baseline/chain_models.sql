{% macro chain_models() %}
    {#- {chain: its model}: those that say in their meta which column is a link's key; none without the procedure's registry. -#}
    {%- set chains = {} -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.meta.get('chain_key') -%}
        {%- do chains.update({node.name: node}) -%}
    {%- endfor -%}
    {%- do return(chains) -%}
{% endmacro %}
