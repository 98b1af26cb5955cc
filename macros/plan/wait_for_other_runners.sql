{% macro wait_for_other_runners(shared=false) %}
    {#- dbt builds several origin views at once; whoever comes second waits until the first has committed. Online mode
        is not waited for: it may take hours, and its index builds would in turn wait for the transaction that waits
        here. `shared` keeps migrations out, but not those who take the lock shared too. -#}
    {%- set wait -%}
do $cms_id$
declare
    online boolean;
begin
    while not {{ 'pg_try_advisory_xact_lock_shared' if shared else 'pg_try_advisory_xact_lock' }}(hashtextextended('cms_id_tracking: runner', 0)) loop
        if to_regclass({{ quote_text(audit_relation('migrations')) }}) is not null then
            execute {{ quote_text("select exists (select 1 from " ~ audit_relation('migrations') ~ " where mode = 'online' and state in ('" ~ open_states() | join("', '") ~ "'))") }} into online;
            if online then
                raise exception 'an online migration is running'
                    using errcode = 'lock_not_available',
                    hint = 'Nothing was changed. Wait until it has ended, then run the same command again.';
            end if;
        end if;
        perform pg_sleep(0.02);
    end loop;
end
$cms_id$
    {%- endset -%}
    {%- do run_query(wait) -%}
{% endmacro %}
