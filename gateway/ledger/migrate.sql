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
  grant insert, delete on gateway.resource to gateway_load;
  grant insert, delete on gateway.callback, gateway.callback_nonce, gateway.unsent to gateway_load;
  grant insert, update on gateway.contact, gateway.notice, gateway.notice_recipient, gateway.outbox to gateway_load;
  grant insert, update on gateway.route_structure, gateway.incident to gateway_load;
  grant insert on gateway.effective_check to gateway_load;
  grant insert on gateway.notice_revision, gateway.outbox_try, gateway.schema_snapshot to gateway_load;
  grant insert, update on gateway.unit_token to gateway_load;
  grant insert, update on gateway.backup, gateway.backup_copy, gateway.wal to gateway_load;
  grant insert on gateway.drill to gateway_load;
  grant insert, update on gateway.backup_incident, gateway.backup_plan to gateway_load;
  grant insert, update on gateway.notice_opening, gateway.notice_report, gateway.compat_view to gateway_load;
  grant insert, update, delete on gateway.usage_profile to gateway_load;
  grant insert on gateway.rehearsal to gateway_load;
  grant insert, update on gateway.user_unit to gateway_load;
  grant insert, update on gateway.agreement, gateway.docket, gateway.issue to gateway_load;
  grant insert, update, delete on gateway.sla_event to gateway_load;
  grant insert, update on gateway.sla_carried, gateway.sla_deadline to gateway_load;
  grant insert, delete on gateway.sla_tally to gateway_load;
  grant insert on gateway.sla_run, gateway.docket_event to gateway_load;
  grant insert, update on gateway.alarm to gateway_load;
  grant usage, select, update on all sequences in schema gateway to gateway_load;
  grant usage on schema gateway, hub to gateway_report;
  grant select on gateway.epoch, gateway.route_state, gateway.batch, gateway.receipt, gateway.chain_head, gateway.hold,
                  gateway.reconciliation, gateway.delivery, gateway.verdict, gateway.sheet, gateway.pace, gateway.brought, gateway.memory,
                  gateway.workday, gateway.code, gateway.notice, gateway.notice_revision, gateway.outbox_try, gateway.schema_snapshot,
                  gateway.backup, gateway.backup_copy, gateway.drill, gateway.wal,
                  gateway.notice_opening, gateway.compat_view, gateway.rehearsal,
                  gateway.route_structure, gateway.incident, gateway.effective_check to gateway_report;
  grant select on gateway.backup_incident, gateway.alarm to gateway_report;
  grant select (id, dataset, source, route, batch_id, rule, state, owner, masked, entered_at, wait_until, closed_at,
                closed_by, closed_why, closed_batch, words) on gateway.quarantine to gateway_report;
  grant select on gateway.user_unit to gateway_report;
  grant select on gateway.agreement, gateway.sla_run, gateway.sla_event, gateway.docket, gateway.docket_event, gateway.issue,
                  gateway.sla_carried, gateway.sla_tally, gateway.sla_deadline to gateway_report;
  grant select (notice, revision, unit, impact, uses, answer, answer_until, remark, answered_by, answered_title, answered_at,
                escalated_at, told) on gateway.notice_recipient to gateway_report;
  grant select (message, topic, contact, purpose, state, attempts, next_try, queued_at) on gateway.outbox to gateway_report;
  grant select (contact, unit, channel, leader) on gateway.contact to gateway_report;
  grant usage on schema gateway, hub to gateway_backup;
  alter default privileges for role gateway_load in schema hub grant select on tables to gateway_backup;
  grant select on all tables in schema gateway to gateway_backup;
exception when insufficient_privilege then
  raise notice 'roles not created: %', sqlerrm;
end $$;
