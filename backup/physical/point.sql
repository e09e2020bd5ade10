-- name: snapshot: the snapshot that others attach to, and what it sees
select pg_export_snapshot(), pg_current_snapshot()::text;

-- name: point: a named position in WAL
select pg_create_restore_point(%(name)s)::text;

-- name: writing: transactions that hold a number: each holds a lock on it until its end is visible
select count(*) from pg_locks where locktype = 'transactionid' and mode = 'ExclusiveLock';

-- name: now: what a snapshot sees now
select pg_current_snapshot()::text;
