-- name: counts: occurrences of each route, and of each day in China, by verdict and blame, with what their latencies were
with days as (
  select a.agreement, d.day, greatest(d.dawn, a.valid_from) as first, least(d.dusk, a.valid_to) as last
    from gateway.agreement a
   cross join (select day::date, day::timestamp at time zone 'Asia/Shanghai' as dawn,
                      (day::timestamp + interval '1 day') at time zone 'Asia/Shanghai' as dusk
                 from generate_series(gateway.china_day(%(begins)s), gateway.china_day(%(ends)s - interval '1 microsecond'), interval '1 day') day) d
   where a.valid_from < d.dusk and (a.valid_to is null or a.valid_to > greatest(d.dawn, a.valid_from))),
docketed as (
  select distinct a.agreement, gateway.china_day(o.slot) as day
    from gateway.docket_event o join gateway.agreement a using (route) where o.slot >= %(begins)s and o.slot < %(ends)s),
counted as (
  select d.agreement, d.day, t.expected, t.on_time, t.late, t.exempt, t.unmeasured, t.open, t.late_source, t.late_hub, t.late_target,
         t.longest_ms, t.took, t.histogram
    from days d join gateway.sla_tally t using (agreement, day) where (agreement, day) not in (select agreement, day from docketed)
  union all
  select d.agreement, d.day, c.*
    from days d left join gateway.sla_tally t using (agreement, day)
   cross join lateral gateway.sla_counted(d.agreement, d.first, d.last, %(as_of)s) c
   where t.agreement is null or (d.agreement, d.day) in (select agreement, day from docketed)),
named as materialized (select a.route, a.dataset, a.unit, a.outbound, a.kind, a.target_bp, c.* from counted c join gateway.agreement a using (agreement)),
timed as (
  select n.route, n.unit, n.kind, count(*) as timed_n, percentile_disc(array[0.5, 0.95, 0.99]) within group (order by ms) as exact_ms
    from named n cross join unnest(n.took) ms group by 1, 2, 3)
select n.day, n.route, n.dataset, n.unit, n.outbound, n.kind, n.target_bp, n.expected, n.on_time, n.late, n.exempt, n.unmeasured, n.open,
       n.late_source, n.late_hub, n.late_target, n.longest_ms, n.histogram, coalesce(t.timed_n, 0) as timed_n, t.exact_ms
  from (
    select to_char(day, 'YYYY-MM-DD') as day, route, dataset, unit, outbound, kind, (array_agg(target_bp order by agreement desc))[1] as target_bp,
           sum(expected)::bigint as expected, sum(on_time)::bigint as on_time, sum(late)::bigint as late, sum(exempt)::bigint as exempt,
           sum(unmeasured)::bigint as unmeasured, sum(open)::bigint as open, sum(late_source)::bigint as late_source,
           sum(late_hub)::bigint as late_hub, sum(late_target)::bigint as late_target, max(longest_ms) as longest_ms,
           array[sum(histogram[1]), sum(histogram[2]), sum(histogram[3]), sum(histogram[4]), sum(histogram[5]), sum(histogram[6]),
                 sum(histogram[7]), sum(histogram[8]), sum(histogram[9]), sum(histogram[10]), sum(histogram[11]), sum(histogram[12]),
                 sum(histogram[13]), sum(histogram[14]), sum(histogram[15]), sum(histogram[16])]::bigint[] as histogram
      from named group by grouping sets ((route, dataset, unit, outbound, kind), (day))) n
  left join timed t using (route, unit, kind)
 order by n.route, n.kind, n.day;

-- name: carried: rows read and refused by each route's runs: whole days as they were counted, the day of the moment run by run
select route, sum(batches)::bigint as batches, sum(read)::bigint as read, sum(rejected)::bigint as rejected
  from (select route, batches, read, rejected from gateway.sla_carried
         where day >= gateway.china_day(%(begins)s) and day < least(gateway.china_day(%(ends)s), gateway.china_day(%(as_of)s))
        union all
        select route, count(*), sum(read), sum(rejected) from gateway.sla_run
         where at >= greatest(%(begins)s, gateway.china_day(%(as_of)s)::timestamp at time zone 'Asia/Shanghai')
           and at < %(ends)s and at <= %(as_of)s group by route) counted
 group by route;

-- name: compared: exact comparisons of each route, keys compared and keys that differed
select route, count(*) as comparisons, count(*) filter (where not passed) as failed,
       sum(greatest(source_rows, hub_rows))::bigint as compared,
       sum(least(missing + extra + different, greatest(source_rows, hub_rows)))::bigint as differing
  from gateway.reconciliation
 where at >= %(begins)s and at < %(ends)s and at <= %(as_of)s group by route;

-- name: notices: what was announced to whom, when, and what became of it
select n.number, n.platform, n.dataset, r.revision, r.class, r.announced_at, r.effective_on, r.answers_due, p.unit, p.answer, p.answered_at
  from gateway.notice n join gateway.notice_revision r on r.notice = n.notice
  join gateway.notice_recipient p on (p.notice, p.revision) = (r.notice, r.revision)
 where r.announced_at >= %(begins)s and r.announced_at < %(ends)s and r.announced_at <= %(as_of)s
 order by n.notice, r.revision, p.unit;

-- name: incidents: structures that were found changed in the period, and those of before it that were still open in it
select incident, platform, route, kind, how, opened_at, resumed_at, closed_at from gateway.incident
 where opened_at < %(ends)s and opened_at <= %(as_of)s
   and (opened_at >= %(begins)s or coalesce(resumed_at, closed_at, 'infinity') >= %(begins)s)
 order by incident;

-- name: backups: plans with what was stored and drilled, and the newest copy that a drill proved
select p.plan, p.unit, count(b.plan) filter (where b.state = 'stored') as stored, count(b.plan) filter (where b.state = 'failed') as failed,
       (select count(*) from gateway.drill d where d.plan = p.plan and d.passed and d.began_at >= %(begins)s and d.began_at < %(ends)s) as drills_passed,
       (select count(*) from gateway.drill d where d.plan = p.plan and not d.passed and d.began_at >= %(begins)s and d.began_at < %(ends)s) as drills_failed,
       (select max(d.rto_ms) from gateway.drill d where d.plan = p.plan and d.passed and d.began_at >= %(begins)s and d.began_at < %(ends)s) as longest_restore_ms,
       (select max(d.began_at) from gateway.drill d where d.plan = p.plan and d.passed and d.began_at < %(ends)s and d.began_at <= %(as_of)s) as drilled_at,
       (select max(s.snapshot_at) from gateway.backup s join gateway.backup_copy c using (backup)
         where s.plan = p.plan and c.proven_at < %(ends)s and c.proven_at <= %(as_of)s) as proven_snapshot
  from (select plan, unit from unnest(%(plans)s::text[], %(units)s::text[]) declared(plan, unit)
        union select plan, unit from gateway.backup where started_at < %(ends)s and started_at <= %(as_of)s and plan <> all (%(plans)s)) p
  left join gateway.backup b on b.plan = p.plan and b.started_at >= %(begins)s and b.started_at < %(ends)s and b.started_at <= %(as_of)s
 group by p.plan, p.unit order by p.plan;

-- name: fresh: up to when each route holds what its source had: the last look, or what waited longest to be delivered, and how far it is compared
select a.route, coalesce(waiting.since, looked.at) as fresh_at, state.verified_through, state.paused_by is not null as paused
  from (select distinct on (route) route, dataset, outbound from gateway.agreement
         where valid_from < %(ends)s and (valid_to is null or valid_to > %(begins)s) order by route, agreement desc) a
  left join gateway.route_state state using (route)
  left join lateral (
    select s.at from gateway.sla_run s where s.route = a.route and s.at <= least(%(as_of)s, %(ends)s) order by s.at desc limit 1) looked on true
  left join lateral (
    select i.confirmed_at as since from gateway.sla_run i
     where a.outbound and not i.outbound and i.dataset = a.dataset and i.rows > 0 and i.confirmed_at <= least(%(as_of)s, %(ends)s)
       and i.batch > coalesce((select max(d.upto) from gateway.sla_run d
                                where d.outbound and d.route = a.route and d.confirmed_at <= least(%(as_of)s, %(ends)s)), 0)
     order by i.batch limit 1) waiting on true;

-- name: epochs: when the hub turned out to be another one, or an older one, than was seen before; the first epoch is no such thing
select epoch, started_at, reason from gateway.epoch
 where started_at >= %(begins)s and started_at < %(ends)s and started_at <= %(as_of)s and epoch > (select min(epoch) from gateway.epoch) order by epoch;

-- name: rulings: what was ruled on since a moment, for the corrections
select no, kind, unit, reason, words, effect, ruling, ruled_by, ruled_at, ruling_words, withdrawn_at, withdrawn_why from gateway.docket
 where greatest(ruled_at, withdrawn_at) > %(since)s and greatest(ruled_at, withdrawn_at) <= %(as_of)s order by no;

-- name: occurrences: those that were not on time, for the annex
select v.* from gateway.sla_verdicts(%(begins)s, %(ends)s, %(as_of)s) v
 where v.verdict in ('late', 'exempt', 'unmeasured') and (%(unit)s::text is null or v.unit = %(unit)s)
 order by v.slot, v.route;
