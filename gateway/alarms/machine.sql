-- name: slots: replication slots of the server, and how much WAL waits behind each
select slot_name as slot, coalesce(wal_status, 'lost') as status, active,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint as lag_bytes
  from pg_catalog.pg_replication_slots where not temporary order by slot_name;
