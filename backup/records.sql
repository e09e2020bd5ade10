-- name: take: one run, or one drill or prune, of a plan at a time
select pg_try_advisory_lock(hashtextextended(%(lock)s, 0));

-- name: begin: a run begins
insert into gateway.backup (backup, plan, unit, kind, state, started_at) values (%(backup)s, %(plan)s, %(unit)s, %(kind)s, 'running', %(now)s);

-- name: dead: runs that ended without a word; asked under the plan's lock
select backup from gateway.backup where plan = %(plan)s and kind = %(kind)s and state = 'running' order by no;

-- name: fail: a run came to nothing
update gateway.backup set state = 'failed', finished_at = %(now)s, error = %(error)s where backup = %(backup)s and state = 'running';

-- name: store: a backup exists
update gateway.backup set state = 'stored', finished_at = %(now)s, snapshot_at = %(snapshot_at)s, bytes = %(bytes)s, rows = %(rows)s,
                          manifest = %(manifest)s, system = %(system)s, first_segment = %(segment)s, error = null where backup = %(backup)s;

-- name: add_copy: a copy lies in a repository; one that lay there before gives way
insert into gateway.backup_copy (backup, repository, state, stored_at, locked_until, versions)
values (%(backup)s, %(repository)s, 'stored', %(now)s, %(locked_until)s, %(versions)s)
on conflict (backup, repository) do update
   set state = 'stored', stored_at = excluded.stored_at, locked_until = excluded.locked_until, versions = excluded.versions,
       proven_at = null, expiring_at = null, deleted_at = null, deleted_why = null
 where backup_copy.state in ('deleted', 'suspect');

-- name: read: somebody reads a backup
select pg_advisory_lock_shared(hashtextextended(%(lock)s, 0));

-- name: older: drills of backups beside which a newer one lay
select count(*) from gateway.drill d join gateway.backup b on b.backup = d.backup
 where d.plan = %(plan)s and d.repository = %(repository)s and d.began_at >= %(since)s and b.kind = 'logical'
   and exists (select from gateway.backup n join gateway.backup_copy c on c.backup = n.backup
                where n.plan = d.plan and n.kind = b.kind and c.repository = d.repository and n.no > b.no and c.stored_at <= d.began_at);

-- name: judge: a drill tells what a copy is worth
update gateway.backup_copy set state = %(state)s, proven_at = case when %(state)s = 'proven' then %(now)s else proven_at end
 where backup = %(backup)s and repository = %(repository)s and state <> 'deleted';

-- name: add_drill: what a drill found
insert into gateway.drill (backup, repository, plan, began_at, passed, rto_ms, phases, faults, remarks, receipt_no)
values (%(backup)s, %(repository)s, %(plan)s, %(began_at)s, %(passed)s, %(rto_ms)s, %(phases)s, %(faults)s, %(remarks)s, %(receipt_no)s)
returning drill;

-- name: expire: a copy may go after its last days of grace
update gateway.backup_copy set expiring_at = %(now)s where backup = %(backup)s and repository = %(repository)s and expiring_at is null;

-- name: spare: a copy stays after all
update gateway.backup_copy set expiring_at = null where backup = %(backup)s and repository = %(repository)s;

-- name: drop: a copy is deleted
update gateway.backup_copy set state = 'deleted', deleted_at = %(now)s, deleted_why = %(why)s
 where backup = %(backup)s and repository = %(repository)s;

-- name: listing: backups, newest first, with the state of their copies
select b.backup, b.no, b.plan, b.unit, b.kind, b.started_at, b.finished_at, b.snapshot_at, b.bytes, b.rows, b.manifest, b.error,
       extract(epoch from b.finished_at - b.started_at)::float8 as seconds,
       case when b.state <> 'stored' then b.state when bool_and(c.state = 'deleted') then 'deleted'
            when bool_or(c.state = 'suspect') then 'suspect' when bool_or(c.state = 'proven') then 'proven' else 'stored' end as state,
       coalesce(json_agg(json_build_object('repository', c.repository, 'state', c.state, 'proven_at', c.proven_at, 'expiring_at', c.expiring_at,
                                                    'locked_until', c.locked_until, 'versions', c.versions)
                         order by c.repository) filter (where c.repository is not null), '[]') as copies
  from gateway.backup b left join gateway.backup_copy c using (backup)
 where (%(plan)s::text is null or b.plan = %(plan)s) and (%(backup)s::text is null or b.backup = %(backup)s)
 group by b.backup order by b.no desc limit %(limit)s;

-- name: copies: what lies in a repository of a plan
select b.backup, b.no, b.kind, b.snapshot_at, b.system, b.first_segment, c.state, c.expiring_at, c.locked_until from gateway.backup b join gateway.backup_copy c using (backup)
 where b.plan = %(plan)s and c.repository = %(repository)s and b.state = 'stored' and c.state <> 'deleted' order by b.no;

-- name: drills: drills, newest first
select drill, backup, repository, plan, began_at, passed, rto_ms, phases, faults, remarks, receipt_no from gateway.drill
 where (%(plan)s::text is null or plan = %(plan)s) and (%(backup)s::text is null or backup = %(backup)s)
 order by drill desc limit %(limit)s;

-- name: proven: every backup that a drill proved by some day, with the moment of its snapshot and of the proof
select b.backup, b.kind, b.system, b.first_segment, b.snapshot_at, min(d.began_at) as proven_at from gateway.backup b join gateway.drill d using (backup)
 where b.plan = %(plan)s and d.passed group by b.backup order by proven_at, b.snapshot_at;

-- name: period: drills and runs of a plan in a period
select (select count(*) from gateway.backup where plan = %(plan)s and started_at >= %(begins)s and started_at < %(ends)s and state = 'stored') as stored,
       (select count(*) from gateway.backup where plan = %(plan)s and started_at >= %(begins)s and started_at < %(ends)s and state = 'failed') as failed,
       count(*) filter (where passed) as passed, count(*) filter (where not passed) as refused,
       max(rto_ms) filter (where passed) as worst_rto_ms
  from gateway.drill where plan = %(plan)s and began_at >= %(begins)s and began_at < %(ends)s;

-- name: first: when a plan began
select min(started_at) from gateway.backup where plan = %(plan)s;

-- name: chained: what the chain says of backups, in order
select no, body from gateway.receipt where kind = 'backup' order by no;

-- name: hash_at: the hash of one record
select hash from gateway.receipt where no = %(no)s;
