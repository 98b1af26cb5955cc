{% materialization view_in_place, adapter='postgres' %}
    {#- A view that is replaced, and never dropped with what stands on it. A view that stays the same object from run to
        run: dbt's own renames it away and drops that with cascade, and whatever the application has built on it would
        go without a word. -#}
    {%- set existing = load_cached_relation(this) -%}
    {%- set view = this.incorporate(type='view') -%}
    {%- if existing and not existing.is_view -%}
        {%- do exceptions.raise_compiler_error(this ~ ' is a ' ~ existing.type ~ ', and is to be a view. Nothing was changed: rename it or drop it first.') -%}
    {%- endif -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main') -%}
        {{ replace_view(view, sql) }}
    {%- endcall -%}
    {%- do apply_grants(view, config.get('grants'), should_revoke(existing)) -%}
    {%- do persist_docs(view, model) -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {#- Where a hook of this view has migrated. A view's statements have the application's search path, and with it its operators. -#}
    {%- if run_query("select pg_catalog.current_setting('cms_id.ledger', true)").columns[0][0] -%}
        {%- do run_query('begin read write;\nset local search_path = pg_catalog;\n' ~ note_release() ~ ';\ncommit') -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {%- do return({'relations': [view]}) -%}
{% endmaterialization %}
