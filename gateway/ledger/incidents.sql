-- name: open: a structure that is not what was announced
insert into gateway.incident (platform, route, kind, hold, notice, diff, opened_at)
values (%(platform)s, %(route)s, %(kind)s, %(hold)s, %(notice)s, %(diff)s, %(now)s)
on conflict do nothing returning incident;

-- name: resume: the route of a hold goes on; a notice that was sent meanwhile is how, unless the change was taken back
update gateway.incident i
   set state = 'resumed', resumed_at = %(now)s, resumed_batch = %(batch)s,
       how = case when %(how)s = 'mapped' and exists (select from gateway.notice n join gateway.notice_revision r using (notice, revision)
                    where n.platform = i.platform and n.state not in ('draft', 'withdrawn') and r.announced_at >= i.opened_at)
                  then 'announced' else %(how)s end
 where i.hold = %(hold)s and i.state = 'open'
returning incident;

-- name: close: the report on it was given
update gateway.incident set state = 'closed', how = coalesce(how, 'decided'), closed_at = %(now)s, closed_by = %(who)s, why = %(why)s
 where incident = %(incident)s;

-- name: incidents: incidents, newest first, with their hold and what the run that went on carried
select i.incident, i.platform, i.route, i.kind, i.state, i.how, i.opened_at, i.resumed_at, i.closed_at, i.closed_by, i.why,
       i.hold, h.state as hold_state, h.decided_by, n.number as notice, i.resumed_batch, b.counts as carried, i.diff
  from gateway.incident i
  left join gateway.hold h on h.id = i.hold
  left join gateway.notice n on n.notice = i.notice
  left join gateway.batch b on b.batch_id = i.resumed_batch
 where (%(state)s::text is null or i.state = %(state)s) and (%(incident)s::bigint is null or i.incident = %(incident)s)
 order by i.incident desc limit 500;
