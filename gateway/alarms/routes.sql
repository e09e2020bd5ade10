-- name: since: since when the oldest delivery is waited for that an alarm is about
select min(since) from gateway.alarm where kind in ('late', 'silent') and closed_at is null;

-- name: missing: routes whose newest delivery that was due, or came, did not come; an exemption that was filed mutes it
select a.route, a.unit, a.schedule, e.slot, e.due, e.measured, b.error_code,
       (select min(x.slot) from gateway.sla_event x where x.agreement = a.agreement and x.slot <= e.slot
          and x.slot > coalesce((select max(y.slot) from gateway.sla_event y where y.agreement = a.agreement and y.slot < e.slot
                                    and y.confirmed_at is not null), '-infinity')) as since,
       exists (select from gateway.docket k join gateway.docket_event o using (no)
                where o.route = a.route and o.slot = e.slot and k.effect = 'exempt' and k.ruling is distinct from 'refused'
                  and k.withdrawn_at is null) as muted
  from gateway.agreement a
 cross join lateral (select * from gateway.sla_event e where e.agreement = a.agreement and e.slot <= %(now)s
                        and (e.due <= %(now)s or e.confirmed_at is not null) order by e.slot desc limit 1) e
  left join gateway.batch b on b.batch_id = e.failed_batch
 where a.valid_to is null and e.confirmed_at is null order by a.route;

-- name: failing: routes with tries in vain since their newest batch; the newest try says why. Maintenance that was filed mutes it
select r.route, b.tries, b.since, b.error_code,
       exists (select from gateway.docket k join gateway.docket_event o using (no)
                join gateway.agreement a on a.route = o.route join gateway.sla_event e on (e.agreement, e.slot) = (a.agreement, o.slot)
                where o.route = r.route and k.effect = 'exempt' and k.ruling is distinct from 'refused' and k.withdrawn_at is null
                  and o.slot <= %(now)s and e.until > %(now)s) as muted
  from unnest(%(routes)s::text[]) r (route)
 cross join lateral (
   select count(*) as tries, min(x.opened_at) as since, (array_agg(x.error_code order by x.batch_id desc))[1] as error_code
     from gateway.batch x
    where x.route = r.route and x.state = 'aborted'
      and x.batch_id > coalesce((select max(y.batch_id) from gateway.batch y where y.route = r.route and y.state = 'committed'), 0)) b
 where b.tries > 0 order by r.route;

-- name: budget: what came late of what counts in a period, by route
select route, max(unit) as unit, max(target_bp) as target_bp, count(*) filter (where verdict in ('on_time', 'late', 'open')) as counted,
       count(*) filter (where verdict = 'late') as late, count(*) filter (where blame = 'hub') as late_hub,
       min(slot) filter (where verdict = 'late') as since
  from gateway.sla_verdicts(%(begins)s, %(ends)s, %(now)s) group by route having count(*) filter (where verdict = 'late') > 0 order by route;

-- name: overrun: runs that were said to take too long and of whose route nothing has ended since
select a.kind, a.subject, a.unit, a.said, a.hint, a.since, a.muted from gateway.alarm a
 where a.kind = 'overrun' and a.closed_at is null
   and not exists (select from gateway.batch b where b.route = a.subject and b.closed_at > a.opened_at) order by a.subject;
