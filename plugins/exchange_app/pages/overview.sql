-- name: routes: how each route is, by its state, its open hold and its newest run
select s.route, s.loaded, case when s.retired_at is not null then 'retired' when s.paused_by is not null then 'paused' end as stopped, s.watermark, h.kind as hold, h.raised_at, b.state as newest,
       b.opened_at, b.error_code
  from gateway.route_state s
  left join gateway.hold h on h.route = s.route and h.state = 'open'
  left join lateral (select b.state, b.opened_at, b.error_code from gateway.batch b
                      where b.route = s.route and b.kind <> 'reconcile' order by b.batch_id desc limit 1) b on true;

-- name: incidents: structures that are not as announced and on which nothing was decided yet
select platform, route, kind, opened_at from gateway.incident where state <> 'closed' order by incident desc limit 50;

-- name: notices: announced notices that some harmed unit has not answered, or that take effect soon
select n.notice, n.number, n.platform, n.dataset, r.effective_on, r.answers_due,
       count(*) filter (where p.impact = 'breaking' and p.answered_at is null) as awaited,
       count(*) filter (where p.impact = 'breaking' and p.answered_at is null and r.answers_due < %(today)s) as overdue
  from gateway.notice n join gateway.notice_revision r using (notice, revision)
  join gateway.notice_recipient p using (notice, revision)
 where n.state = 'announced' group by n.notice, r.notice, r.revision order by r.effective_on, n.notice limit 50;

-- name: backups: what is wrong with backups now
select plan, kind, opened_at from gateway.backup_incident where closed_at is null order by incident limit 50;

-- name: proven: which plans have a copy that a drill restored
select distinct b.plan from gateway.backup b join gateway.backup_copy c using (backup) where c.state = 'proven';
