-- name: grant: make the roles where we may, and give each what it needs; changes nothing the second time
-- Who may do what. Roles are of the whole server; an account that may not create them runs as itself.
do $$
declare wanted text;
begin
  foreach wanted in array array['gateway_load', 'gateway_report', 'gateway_backup'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
      execute format('create role %I nologin', wanted);
    end if;
    if not pg_has_role(current_user, wanted, 'set') then
      execute format('grant %I to current_user', wanted);
    end if;
  end loop;
  grant usage, create on schema hub, landing to gateway_load;
  grant usage, create on schema gateway to gateway_load;
  grant select on all tables in schema gateway to gateway_load;
  grant insert on gateway.receipt, gateway.sheet, gateway.epoch, gateway.reconciliation, gateway.hold, gateway.repair to gateway_load;
  grant insert, update on gateway.route_state, gateway.batch, gateway.chain_head, gateway.quarantine,
                          gateway.delivery, gateway.verdict, gateway.pace, gateway.brought, gateway.memory to gateway_load;
  grant update on gateway.hold to gateway_load;
  grant insert, update, delete on gateway.workday, gateway.code to gateway_load;
  grant insert, delete on gateway.callback, gateway.callback_nonce, gateway.unsent to gateway_load;
  grant insert, update on gateway.contact, gateway.notice, gateway.notice_recipient, gateway.outbox to gateway_load;
  grant insert on gateway.notice_revision, gateway.outbox_try, gateway.schema_snapshot to gateway_load;
  grant usage, select, update on all sequences in schema gateway to gateway_load;
  grant usage on schema gateway, hub to gateway_report;
  grant select on gateway.epoch, gateway.route_state, gateway.batch, gateway.receipt, gateway.chain_head, gateway.hold,
                  gateway.reconciliation, gateway.delivery, gateway.verdict, gateway.sheet, gateway.pace, gateway.brought, gateway.memory,
                  gateway.workday, gateway.code, gateway.notice, gateway.notice_revision, gateway.outbox_try, gateway.schema_snapshot to gateway_report;
  grant select (id, dataset, source, route, batch_id, rule, state, owner, masked, entered_at, wait_until, closed_at,
                closed_by, closed_why, closed_batch, words) on gateway.quarantine to gateway_report;
  grant usage on schema gateway, hub to gateway_backup;
  alter default privileges for role gateway_load in schema hub grant select on tables to gateway_backup;
  grant select on all tables in schema gateway to gateway_backup;
exception when insufficient_privilege then
  raise notice 'roles not created: %', sqlerrm;
end $$;
