-- name: begin: it is wrong from now on; nothing when it was already
insert into gateway.backup_incident (plan, unit, kind, repository, said, opened_at)
values (%(plan)s, %(unit)s, %(kind)s, %(repository)s, %(said)s, %(now)s)
on conflict (plan, kind, repository) where closed_at is null do nothing returning incident;

-- name: end: it is over
update gateway.backup_incident set closed_at = %(now)s
 where plan = %(plan)s and kind = %(kind)s and repository = %(repository)s and closed_at is null returning incident;

-- name: open: what is wrong now, the oldest first
select incident, plan, unit, kind, repository, said, opened_at from gateway.backup_incident
 where closed_at is null and (%(plan)s::text is null or plan = %(plan)s) order by incident;

-- name: seen: a plan is there; when it was first
insert into gateway.backup_plan (plan, seen_at) values (%(plan)s, %(now)s)
on conflict (plan) do update set plan = excluded.plan returning seen_at;

-- name: newest: when a plan was last run and last drilled, and the moment of its newest proven backup
select (select max(started_at) from gateway.backup where plan = %(plan)s) as run_at,
       (select max(began_at) from gateway.drill where plan = %(plan)s) as drilled_at,
       (select max(b.snapshot_at) from gateway.backup b join gateway.backup_copy c using (backup)
         where b.plan = %(plan)s and c.state = 'proven') as proven_at;
