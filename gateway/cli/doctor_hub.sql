-- name: messages: how many messages were given up or wait, and how long the oldest has waited
select count(*) filter (where state = 'dead') as dead, count(*) filter (where state = 'waiting') as waiting,
       clock_timestamp() - min(queued_at) filter (where state = 'waiting') as oldest
  from gateway.outbox where state in ('dead', 'waiting');

-- name: archive: whether the hub's server archives WAL, and how that goes
select current_setting('archive_mode') as mode, last_archived_time, failed_count,
       coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) as failing
  from pg_catalog.pg_stat_archiver;
