-- name: functions: what triggers, defaults and checks of some schemas call, as the server would write it anew
select pg_get_functiondef(p.oid)
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
 where n.nspname = any(%(schemas)s::text[]) and l.lanname in ('sql', 'plpgsql') and p.prokind in ('f', 'p')
   and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
 order by p.oid;

-- name: account: who we are at a platform, and whether we own everything there anyhow
select current_user::text, (select rolsuper from pg_roles where rolname = current_user);

-- name: wait: one rehearsal of a notice at a time
select pg_try_advisory_lock(hashtextextended('gateway.rehearsal ' || %(notice)s, 0));

-- name: put: what became of a unit's work
insert into gateway.rehearsal (notice, revision, run, unit, result, said, plan, checks, sample, began_at, seconds)
values (%(notice)s, %(revision)s, %(run)s, %(unit)s, %(result)s, %(said)s, %(plan)s, %(checks)s, %(sample)s, %(began_at)s, %(seconds)s);

-- name: next_run: its number among those of a revision
select coalesce(max(run), 0) + 1 as run from gateway.rehearsal where notice = %(notice)s and revision = %(revision)s;

-- name: due: announced revisions that were not rehearsed yet
select n.notice from gateway.notice n
 where n.state = 'announced'
   and not exists (select from gateway.rehearsal r where (r.notice, r.revision) = (n.notice, n.revision))
 order by n.notice;
