-- name: ground: which server this is
select (pg_control_system()).system_identifier::text as system_identifier,
       current_setting('server_version_num')::int / 10000 as major,
       (select setting::bigint * case unit when '8kB' then 8192 else 1 end from pg_settings where name = 'wal_segment_size') as segment_bytes,
       (select rolname from pg_roles where oid = 10) as superuser,
       current_setting('max_prepared_transactions')::int as prepared,
       (select coalesce(sum(pg_database_size(oid)), 0)::bigint from pg_database where has_database_privilege(oid, 'connect')) as bytes;

-- name: tablespaces: those that lie outside of the data folder
select oid::text as oid, pg_tablespace_location(oid) as place from pg_tablespace where pg_tablespace_location(oid) <> '' order by oid;

-- name: slot: a slot, and how much WAL waits behind it
select slot_name as name, coalesce(wal_status, 'lost') as status, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint as lag_bytes,
       restart_lsn::text as received, current_setting('max_slot_wal_keep_size') <> '-1' as limited
  from pg_replication_slots where slot_name = %(name)s;

-- name: create: a slot that keeps WAL from now on
select pg_create_physical_replication_slot(%(name)s, true);

-- name: drop: a slot that keeps WAL no longer
select pg_drop_replication_slot(%(name)s);

-- name: mark: how far WAL has come, when, and which transactions were open: equal answers mean that nobody committed in between
select pg_current_wal_lsn()::text, statement_timestamp(), pg_current_snapshot()::text;

-- name: switch: fill up the segment, so that it can be stored
select pg_switch_wal()::text;
