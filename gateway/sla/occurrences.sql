-- name: alone: a day is measured by one process at a time, and none while versions of agreements begin or end
select pg_advisory_xact_lock_shared(hashtextextended('gateway.agreement', 0)), pg_advisory_xact_lock(hashtextextended('gateway.sla_day ' || %(day)s, 0));

-- name: session: what is sorted and grouped here is sorted and grouped in memory as far as it fits; days run side by side, not their parts
set local work_mem = '128MB';
set local max_parallel_workers_per_gather = 0;

-- name: stage: the moments at which routes are due, by their cron lines
create temp table sla_slot (schedule text, slot timestamptz, until timestamptz) on commit drop;

-- name: undue: a day that the city declared free afterwards was no working day: nothing was due on it
with freed as (
  select a.agreement, d.day from gateway.agreement a
   cross join (select day::date from generate_series(gateway.china_day(%(begins)s), gateway.china_day(%(ends)s - interval '1 microsecond'),
                                                     interval '1 day') day where day::date <> all (%(workdays)s::date[])) d
   where a.days = 'workdays' and a.valid_from < %(ends)s and (a.valid_to is null or a.valid_to > %(begins)s)),
events as (
  delete from gateway.sla_event e using freed f
   where e.agreement = f.agreement and e.slot >= f.day::timestamp at time zone 'Asia/Shanghai'
     and e.slot < (f.day + 1)::timestamp at time zone 'Asia/Shanghai')
delete from gateway.sla_tally t using freed f where (t.agreement, t.day) = (f.agreement, f.day);

-- name: open: the days of each agreement that are not counted for good; `whole` when all of the day is looked at
-- Of a day that has not begun nothing can be known but what is due: it is made once, and looked at again when it has begun.
create temp table sla_open on commit drop as
select a.agreement, a.route, a.dataset, a.kind, a.outbound, a.schedule, a.source_s, a.hub_s + a.target_s as allowed_s, d.day,
       greatest(d.dawn, %(begins)s, a.valid_from) as first, least(d.dusk, %(ends)s, a.valid_to) as last,
       d.dawn >= %(begins)s and d.dusk <= %(ends)s as whole
  from gateway.agreement a
 cross join (select day::date, day::timestamp at time zone 'Asia/Shanghai' as dawn,
                    (day::timestamp + interval '1 day') at time zone 'Asia/Shanghai' as dusk
               from generate_series(gateway.china_day(%(begins)s), gateway.china_day(%(ends)s - interval '1 microsecond'), interval '1 day') day) d
 where a.valid_from < least(d.dusk, %(ends)s) and (a.valid_to is null or a.valid_to > greatest(d.dawn, %(begins)s, a.valid_from))
   and (a.days = 'all' or d.day = any (%(workdays)s::date[]))
   and not exists (select from gateway.sla_tally t where (t.agreement, t.day) = (a.agreement, d.day))
   and (d.dawn <= %(as_of)s or not exists (select from gateway.sla_event e where e.agreement = a.agreement and e.slot >= d.dawn and e.slot < d.dusk));
analyze sla_open;

-- name: any: whether a day is open
select exists (select from sla_open);

-- name: lines: the cron lines of open days, each with the moment from which on it is asked
select schedule, min(first) as first from sla_open where kind = 'scheduled' group by schedule order by schedule;

-- name: promised: the routes with open days that are judged in windows; a list each, by which the next statement looks
select array_agg(route) filter (where not outbound) as brought, array_agg(route) filter (where outbound) as taken,
       array_agg(dataset) filter (where outbound) as datasets, min(first) as first
  from (select route, dataset, outbound, min(first) as first from sla_open where kind = 'real_time' group by 1, 2, 3) routes;

-- name: timed: batches by the window in which their rows became available, with the slowest: what is still under way before all
-- One maximum picks the slowest with its receipt and its times, which are microseconds of the epoch. (`offset 0` keeps the server from
-- working a bucket out again for each of the sixteen that it is counted in.)
create temp table sla_window on commit drop as
with batches as (
  select r.route, r.available_at, r.receipt, r.handed_at, r.confirmed_at, r.rows
    from gateway.sla_run r
   where r.available_at >= %(first)s and r.available_at < %(ends)s and not r.outbound and r.route = any (%(brought)s)
  union all
  select p.route, i.confirmed_at, d.receipt, d.handed_at, d.confirmed_at, i.rows
    from unnest(%(taken)s::text[], %(datasets)s::text[]) p(route, dataset)
    join gateway.sla_run i on i.dataset = p.dataset
    left join lateral (select d.receipt, d.handed_at, d.confirmed_at from gateway.sla_run d
                        where d.outbound and d.route = p.route and d.upto >= i.batch and d.confirmed_at >= i.confirmed_at
                        order by d.upto, d.receipt limit 1) d on true
   where not i.outbound and i.dataset = any (%(datasets)s) and i.confirmed_at >= %(first)s and i.confirmed_at < %(ends)s and i.rows > 0),
known as (
  select route, date_bin(%(width)s, available_at, '2000-01-01Z') as slot, rows, ms, k,
         array[coalesce(ms, %(never)s), -coalesce(receipt, 0), -(1000000 * date_part('epoch', available_at))::bigint,
               (1000000 * date_part('epoch', handed_at))::bigint, (1000000 * date_part('epoch', confirmed_at))::bigint] as slowness
    from batches
   cross join lateral (select round(1000 * date_part('epoch', confirmed_at - available_at))::bigint as ms offset 0) took
   cross join lateral (select width_bucket(ms - 1, %(buckets)s::bigint[]) as k offset 0) bucket),
grouped as (
  select route, slot, count(*)::integer as n, sum(rows)::bigint as rows, max(ms) as ms, max(slowness) as slowest,
         array[count(*) filter (where k = 0), count(*) filter (where k = 1), count(*) filter (where k = 2), count(*) filter (where k = 3),
               count(*) filter (where k = 4), count(*) filter (where k = 5), count(*) filter (where k = 6), count(*) filter (where k = 7),
               count(*) filter (where k = 8), count(*) filter (where k = 9), count(*) filter (where k = 10), count(*) filter (where k = 11),
               count(*) filter (where k = 12), count(*) filter (where k = 13), count(*) filter (where k = 14),
               count(*) filter (where k = 15)]::integer[] as histogram
    from known group by route, slot)
select route, slot, n, rows, ms, histogram, nullif(-slowest[2], 0) as receipt,
       timestamptz 'epoch' - slowest[3] * interval '1 microsecond' as available_at,
       timestamptz 'epoch' + slowest[4] * interval '1 microsecond' as handed_at,
       timestamptz 'epoch' + slowest[5] * interval '1 microsecond' as confirmed_at
  from grouped;
analyze sla_window;

-- name: take: occurrences as they are now, those that are new among them; what did not change is not written
merge into gateway.sla_event e using ({found}) s
   on e.agreement = s.agreement and e.slot = s.slot and e.slot >= %(begins)s and e.slot < %(ends)s
when matched and (e.source_due, e.due, e.absent_until, e.seen_at, e.handed_at, e.confirmed_at, e.measured, e.receipt, e.failed_batch,
                  e.rows, e.n, e.max_ms, e.histogram, e.final)
     is distinct from (s.source_due, s.due, s.absent_until, s.seen_at, s.handed_at, s.confirmed_at, s.measured, s.receipt, s.failed_batch,
                       s.rows, s.n, s.max_ms, s.histogram, s.final) then
  update set source_due = s.source_due, due = s.due, absent_until = s.absent_until, seen_at = s.seen_at, handed_at = s.handed_at,
             confirmed_at = s.confirmed_at, measured = s.measured, receipt = s.receipt, failed_batch = s.failed_batch, rows = s.rows,
             n = s.n, max_ms = s.max_ms, histogram = s.histogram, final = s.final
when not matched then
  insert (agreement, slot, until, source_due, due, absent_until, seen_at, handed_at, confirmed_at, measured, receipt, failed_batch, rows, n,
          max_ms, histogram, final)
  values (s.agreement, s.slot, s.until, s.source_due, s.due, s.absent_until, s.seen_at, s.handed_at, s.confirmed_at, s.measured, s.receipt,
          s.failed_batch, s.rows, s.n, s.max_ms, s.histogram, s.final);

-- A day after its end nothing more can change an occurrence that came, or that nobody looked at: it is final.

-- name: scheduled: the first run that looked after the slot; failed tries before it tell whether the platform was there
select o.agreement, l.slot, l.until, l.slot + make_interval(secs => o.source_s) as source_due, due,
       case when not o.outbound then refused.last end as absent_until, case when o.outbound and l.slot <= %(as_of)s then l.slot else r.at end as seen_at,
       case when o.outbound then least(r.handed_at, refused.first) else r.handed_at end as handed_at, r.confirmed_at,
       tried.measured, r.receipt, refused.batch as failed_batch, coalesce(r.rows, 0) as rows,
       case when r.receipt is null then 0 else 1 end as n,
       round(1000 * extract(epoch from r.confirmed_at - case when o.outbound then l.slot
                                                             else greatest(r.at, l.slot + make_interval(secs => o.source_s)) end))::bigint as max_ms,
       null::integer[] as histogram,
       l.until + interval '1 day' <= %(as_of)s and (r.receipt is not null or (not tried.measured and due <= %(as_of)s)) as final
  from sla_open o
  join sla_slot l on l.schedule = o.schedule and l.slot >= o.first and l.slot < o.last
 cross join lateral (select l.slot + make_interval(secs => o.source_s + o.allowed_s) as due) limits
  left join lateral (select * from gateway.sla_run s where s.route = o.route and s.at >= l.slot and l.slot <= %(as_of)s order by s.at limit 1) r on true
 cross join lateral (select exists (select from gateway.batch b where b.route = o.route and b.opened_at >= l.slot
                                       and b.opened_at < l.until and b.opened_at <= %(as_of)s) as measured) tried
  left join lateral (
    select min(b.opened_at) as first, max(b.opened_at) as last, max(b.batch_id) as batch from gateway.batch b
     where b.route = o.route and b.state = 'aborted' and b.error_code = any (%(faults)s) and b.opened_at >= l.slot
       and b.opened_at < coalesce(r.at, %(as_of)s)) refused on true
 where o.kind = 'scheduled'

-- name: windows_in: a window is as late as the slowest batch whose rows became available in it; an empty one needs a probe
select w.agreement, w.slot, w.slot + %(width)s as until, coalesce(s.available_at, w.slot) as source_due,
       coalesce(s.available_at, w.slot + %(width)s) + make_interval(secs => w.allowed_s) as due,
       case when s.n is null and idle.receipt is null then refused.last end as absent_until,
       coalesce(s.available_at, idle.at) as seen_at, coalesce(s.confirmed_at, idle.at) as handed_at,
       coalesce(s.confirmed_at, idle.at) as confirmed_at,
       s.n is not null or idle.receipt is not null or refused.last is not null as measured, coalesce(s.receipt, idle.receipt) as receipt,
       case when s.n is null and idle.receipt is null then refused.batch end as failed_batch, coalesce(s.rows, 0) as rows,
       coalesce(s.n, 0) as n, s.ms as max_ms, s.histogram,
       w.slot + %(width)s + interval '1 day' <= %(as_of)s
         and (s.n is not null or idle.receipt is not null or refused.last is null or back.again) as final
  from (select o.agreement, o.route, o.allowed_s, slot from sla_open o
         cross join generate_series(date_bin(%(width)s, o.first + %(width)s - interval '1 microsecond', '2000-01-01Z'),
                                    o.last - interval '1 microsecond', %(width)s) slot
         where o.kind = 'real_time' and not o.outbound) w
  left join sla_window s on (s.route, s.slot) = (w.route, w.slot)
  left join lateral (select r.receipt, r.at from gateway.sla_run r
                      where s.n is null and r.route = w.route and r.at >= w.slot and r.at < w.slot + %(width)s order by r.at limit 1) idle on true
  left join lateral (
    select max(b.opened_at) as last, max(b.batch_id) as batch from gateway.batch b
     where s.n is null and idle.receipt is null and b.route = w.route and b.state = 'aborted' and b.error_code = any (%(faults)s)
       and b.opened_at > w.slot and b.opened_at < w.slot + %(width)s) refused on true
  left join lateral (select exists (select from gateway.sla_run r where refused.last is not null and r.route = w.route
                                       and r.at >= w.slot + %(width)s and r.at + interval '1 day' <= %(as_of)s) as again) back on true

-- name: windows_out: each batch that the hub took in a window is followed to the target; what is still under way is the slowest
select w.agreement, w.slot, w.slot + %(width)s as until, coalesce(s.available_at, w.slot) as source_due,
       coalesce(s.available_at, w.slot + %(width)s) + make_interval(secs => w.allowed_s) as due, null::timestamptz as absent_until,
       coalesce(s.available_at, idle.confirmed_at) as seen_at,
       case when s.n > 0 then least(s.handed_at, refused.first) else idle.confirmed_at end as handed_at,
       case when s.n > 0 then s.confirmed_at else idle.confirmed_at end as confirmed_at,
       s.n is not null or idle.receipt is not null as measured, case when s.n > 0 then s.receipt else idle.receipt end as receipt,
       refused.batch as failed_batch, coalesce(s.rows, 0) as rows, coalesce(s.n, 0) as n, s.ms as max_ms, s.histogram,
       w.slot + %(width)s + interval '1 day' <= %(as_of)s and (s.n is null or s.receipt is not null) as final
  from (select o.agreement, o.route, o.dataset, o.allowed_s, slot from sla_open o
         cross join generate_series(date_bin(%(width)s, o.first + %(width)s - interval '1 microsecond', '2000-01-01Z'),
                                    o.last - interval '1 microsecond', %(width)s) slot
         where o.kind = 'real_time' and o.outbound) w
  left join sla_window s on (s.route, s.slot) = (w.route, w.slot)
  left join lateral (
    select i.receipt, i.confirmed_at from gateway.sla_run i
     where s.n is null and not i.outbound and i.dataset = w.dataset and i.confirmed_at >= w.slot and i.confirmed_at < w.slot + %(width)s
     order by i.confirmed_at limit 1) idle on true
  left join lateral (
    select min(b.opened_at) as first, max(b.batch_id) as batch from gateway.batch b
     where s.n > 0 and b.route = w.route and b.state = 'aborted' and b.error_code = any (%(faults)s) and b.opened_at >= s.available_at
       and b.opened_at < coalesce(s.confirmed_at, %(as_of)s)) refused on true

-- name: tally: days of which nothing can change any more are counted for good
insert into gateway.sla_tally (agreement, day, expected, on_time, late, exempt, unmeasured, open, late_source, late_hub, late_target,
                               longest_ms, took, histogram)
select o.agreement, o.day, c.*
  from sla_open o cross join lateral gateway.sla_counted(o.agreement, o.first, o.last, %(as_of)s) c
 where o.whole and o.last + interval '1 day' <= %(as_of)s
   and not exists (select from gateway.sla_event e where e.agreement = o.agreement and e.slot >= o.first and e.slot < o.last and not e.final)
   and not exists (select from gateway.docket_event d where d.route = o.route and d.slot >= o.first and d.slot < o.last);
