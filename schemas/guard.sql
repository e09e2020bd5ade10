-- name: script: what a superuser runs once; running it again brings it up to date
create schema if not exists gateway_guard;
revoke all on schema gateway_guard from public;
create table if not exists gateway_guard.shared_relation (relid oid primary key, label text not null);
create table if not exists gateway_guard.ddl_window (
  relid oid not null, notice_no text not null, opens timestamptz not null, closes timestamptz not null,
  primary key (relid, notice_no), check (opens < closes)
);
create table if not exists gateway_guard.own_role (role name primary key);
create or replace function gateway_guard.check_relation(relation oid) returns void language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $guard$
declare
  said text := current_setting('gateway.notice', true);
  shared text := (select s.label from gateway_guard.shared_relation s where s.relid = relation);
begin
  if shared is null or exists (select from gateway_guard.own_role o
                                where o.role = coalesce(nullif(current_setting('role'), 'none'), session_user)) then
    return;
  end if;
  if not exists (select from gateway_guard.ddl_window w
                  where w.relid = relation and w.notice_no = said and now() between w.opens and w.closes) then
    raise exception 'DDL on shared relation % needs a notice in effect', shared
      using errcode = 'insufficient_privilege', hint = 'Within its window: SET gateway.notice = ''<number of the notice>''.';
  end if;
end $guard$;
create or replace function gateway_guard.on_command() returns event_trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $guard$
declare done record;
begin
  for done in select c.classid, c.objid from pg_event_trigger_ddl_commands() c loop
    if done.classid = 'pg_class'::regclass then
      perform gateway_guard.check_relation(done.objid);
    elsif done.classid = 'pg_type'::regclass then
      perform gateway_guard.check_relation(s.relid) from gateway_guard.shared_relation s
        where exists (select from pg_attribute a where a.attrelid = s.relid and a.atttypid = done.objid and not a.attisdropped);
    elsif done.classid = 'pg_trigger'::regclass then
      perform gateway_guard.check_relation(t.tgrelid) from pg_trigger t where t.oid = done.objid;
    elsif done.classid = 'pg_policy'::regclass then
      perform gateway_guard.check_relation(p.polrelid) from pg_policy p where p.oid = done.objid;
    end if;
  end loop;
end $guard$;
create or replace function gateway_guard.on_drop() returns event_trigger language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $guard$
declare gone record;
begin
  for gone in select distinct d.objid from pg_event_trigger_dropped_objects() d where d.classid = 'pg_class'::regclass loop
    perform gateway_guard.check_relation(gone.objid);
  end loop;
end $guard$;
revoke all on all functions in schema gateway_guard from public;
drop event trigger if exists gateway_guard_command;
create event trigger gateway_guard_command on ddl_command_end execute function gateway_guard.on_command();
drop event trigger if exists gateway_guard_drop;
create event trigger gateway_guard_drop on sql_drop execute function gateway_guard.on_drop();

-- name: remove: as if it had never been there
drop event trigger if exists gateway_guard_command;
drop event trigger if exists gateway_guard_drop;
drop schema if exists gateway_guard cascade;

-- name: stands: whether there is a guard
select exists (select from pg_catalog.pg_event_trigger where evtname = 'gateway_guard_command');

-- name: installed: both triggers with how they are enabled; nothing when the guard is not there
select t.evtname::text, t.evtenabled::text from pg_catalog.pg_event_trigger t
 where t.evtname in ('gateway_guard_command', 'gateway_guard_drop') order by t.evtname;

-- name: shared: what is guarded, under which name it is there now, and until when a window is open
select s.label, s.relid::regclass::text as now_named,
       exists (select from pg_catalog.pg_class c where c.oid = s.relid) as there,
       (select max(w.closes) from gateway_guard.ddl_window w where w.relid = s.relid and now() between w.opens and w.closes) as open_until,
       (select string_agg(w.notice_no, ', ' order by w.notice_no) from gateway_guard.ddl_window w
         where w.relid = s.relid and now() between w.opens and w.closes) as notices
  from gateway_guard.shared_relation s order by s.label;

-- name: open: a window for the shared relations of one name; one that is open stays as it is
insert into gateway_guard.ddl_window (relid, notice_no, opens, closes)
select s.relid, %(notice)s, now(), now() + make_interval(hours => %(hours)s)
  from gateway_guard.shared_relation s where s.label = %(label)s
on conflict (relid, notice_no) do nothing;
