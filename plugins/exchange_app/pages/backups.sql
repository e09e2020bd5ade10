-- name: plans: of each plan the newest run, the newest stored backup, the newest drill, and the newest proven data
select p.plan,
       (select row_to_json(r) from (select backup, state, started_at, error from gateway.backup where plan = p.plan order by no desc limit 1) r) as run,
       (select row_to_json(s) from (select backup, snapshot_at, bytes, rows, extract(epoch from finished_at - started_at)::float8 as seconds
                                      from gateway.backup where plan = p.plan and state = 'stored' order by no desc limit 1) s) as stored,
       (select row_to_json(d) from (select backup, repository, began_at, passed, rto_ms, faults, receipt_no from gateway.drill
                                     where plan = p.plan order by drill desc limit 1) d) as drill,
       (select row_to_json(v) from (select b.backup, b.snapshot_at, b.rows from gateway.backup b join gateway.backup_copy c using (backup)
                                     where b.plan = p.plan and c.state = 'proven' order by b.snapshot_at desc limit 1) v) as proven
  from unnest(%(plans)s::text[]) p (plan);

-- name: wrong: what is wrong with backups now
select plan, kind, repository, said, opened_at from gateway.backup_incident where closed_at is null order by incident;

-- name: backup: one backup
select b.backup, b.plan, b.unit, b.state, b.started_at, b.finished_at, b.snapshot_at, b.bytes, b.rows, b.manifest, b.error,
       extract(epoch from b.finished_at - b.started_at)::float8 as seconds
  from gateway.backup b where b.backup = %(backup)s;

-- name: copies: where a backup lies and what it is worth there
select repository, state, stored_at, proven_at, expiring_at, deleted_at, deleted_why from gateway.backup_copy
 where backup = %(backup)s order by repository;

-- name: drills: the drills of a backup, newest first
select repository, began_at, passed, rto_ms, phases, faults, remarks, receipt_no from gateway.drill
 where backup = %(backup)s order by drill desc limit 50;

-- name: recent: the newest backups of a plan
select b.backup, b.state, b.started_at, b.snapshot_at, b.bytes, b.rows, b.error,
       extract(epoch from b.finished_at - b.started_at)::float8 as seconds,
       (select bool_or(c.state = 'proven') from gateway.backup_copy c where c.backup = b.backup) as proven,
       (select bool_or(c.state = 'suspect') from gateway.backup_copy c where c.backup = b.backup) as suspect
  from gateway.backup b where b.plan = %(plan)s order by b.no desc limit 30;
