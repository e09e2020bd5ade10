-- Each statement takes a login: of a unit's login it returns what that unit answers for, of nobody's (null) everything.

-- name: unit: the unit of a login
select unit from gateway.user_unit where login = %(login)s and until is null;

-- name: routes: routes that promise or promised something in a time
select distinct a.route from gateway.agreement a
 where a.valid_from < %(ends)s and (a.valid_to is null or a.valid_to > %(begins)s)
   and (%(login)s::text is null or a.unit = (select unit from gateway.user_unit where login = %(login)s and until is null))
 order by a.route;

-- name: days: occurrences of one route by day in China and verdict
select (v.slot at time zone 'Asia/Shanghai')::date as day, count(*) as expected,
       count(*) filter (where verdict = 'on_time') as on_time, count(*) filter (where verdict = 'late') as late,
       count(*) filter (where verdict = 'exempt') as exempt, count(*) filter (where verdict = 'unmeasured') as unmeasured,
       count(*) filter (where verdict = 'open') as open
  from gateway.sla_verdicts(%(begins)s, %(ends)s, %(as_of)s) v
 where v.route = %(route)s
   and (%(login)s::text is null or v.unit = (select unit from gateway.user_unit where login = %(login)s and until is null))
 group by 1 order by 1;

-- name: occurrences: one route's, newest first, from a slot on; those that are not due yet only where asked for
-- (in two steps: sorted at once, the server would walk through the slots of all routes)
with own as materialized (
  select v.slot, v.until, v.source_due, v.due, v.absent_until, v.seen_at, v.handed_at, v.confirmed_at, v.receipt, v.failed_batch, v.rows,
         v.n, v.max_ms, v.unit, v.outbound, v.kind, v.docket, v.verdict, v.blame
    from gateway.sla_verdicts(%(begins)s, %(ends)s, %(as_of)s) v
   where v.route = %(route)s
     and case when %(verdict)s::text is null then v.verdict <> 'open' else v.verdict = %(verdict)s end
     and (%(login)s::text is null or v.unit = (select unit from gateway.user_unit where login = %(login)s and until is null)))
select * from own where slot < %(before)s order by slot desc limit %(limit)s;

-- name: dockets: those about occurrences of a time, newest first
select k.no, k.kind, k.unit, k.reason, k.words, k.effect, k.filed_at, k.ruling, k.ruled_at, k.ruling_words, k.withdrawn_at, o.route,
       count(*) as occurrences, min(o.slot) as first, max(o.slot) as last
  from gateway.docket k join gateway.docket_event o using (no)
 where o.slot >= %(begins)s and o.slot < %(ends)s and (%(route)s::text is null or o.route = %(route)s)
   and (%(login)s::text is null or k.unit = (select unit from gateway.user_unit where login = %(login)s and until is null))
 group by k.no, o.route order by k.filed_at desc, k.no desc limit 200;

-- name: answers_for: whether a login's unit answers or answered for a route
select exists (select from gateway.agreement a join gateway.user_unit u using (unit)
                where a.route = %(route)s and u.login = %(login)s and u.until is null);

-- name: latencies: of a route's runs by day in China, how long each took from available to confirmed
select gateway.china_day(at) as day, count(*) as n, max(took) as longest_ms,
       percentile_disc(array[0.5, 0.95, 0.99]) within group (order by took) as exact_ms
  from (select at, greatest(0, round(1000 * extract(epoch from confirmed_at - coalesce(available_at, at))))::bigint as took
          from gateway.sla_run where route = %(route)s and at >= %(since)s) ran
 group by 1 order by 1;

-- name: clocks: of a route's newest runs, from available to seen, seen to handed over, handed over to confirmed, and the whole
with run as (
  select available_at, at, handed_at, confirmed_at from gateway.sla_run where route = %(route)s order by at desc limit 1000)
select c.clock, count(took) as n, max(took) as longest_ms, percentile_disc(array[0.5, 0.95, 0.99]) within group (order by took) as exact_ms
  from run cross join lateral (values
    (1, 'source', at - available_at), (2, 'hub', handed_at - at), (3, 'target', confirmed_at - handed_at),
    (4, 'whole', confirmed_at - coalesce(available_at, at))) c (place, clock, lasted)
 cross join lateral (select greatest(0, round(1000 * extract(epoch from lasted)))::bigint as took) whole_ms
 where lasted is not null
 group by c.place, c.clock order by c.place;
