-- name: waiting: deliveries that were read back, or put away by the other side, and that nobody has refused later, oldest first
select d.number, d.counted, d.confirmed_at from gateway.delivery d
 where d.route = %(route)s and d.read_back_at is not null and d.counted > 0 and d.presumed_at is null
   and not exists (select from gateway.verdict v where v.route = d.route and v.number = d.number and not v.at_once)
 order by d.confirmed_at, d.number limit 10000;

-- name: presume: nobody refused them in time
update gateway.delivery set presumed_at = clock_timestamp() where number = any(%(numbers)s);

-- name: reopen: deliveries of which a row came back all the same
update gateway.delivery d set reopened_at = clock_timestamp()
 where d.route = %(route)s and d.presumed_at is not null and d.reopened_at is null
   and exists (select from gateway.verdict v where v.route = d.route and v.number = d.number and not v.at_once)
returning d.number;

-- name: figures: what became of the deliveries of a route, or of those that left in a span of time; one that was not read back before
-- everything was sent again has no say any more
select count(*) filter (where state = 'open') as open, count(*) filter (where state = 'presumed') as presumed,
       count(*) filter (where state = 'returned') as returned, count(*) filter (where state = 'reopened') as reopened
  from (select case when d.reopened_at is not null then 'reopened' when d.presumed_at is not null then 'presumed'
                    when exists (select from gateway.verdict v where v.route = d.route and v.number = d.number and not v.at_once)
                    then 'returned' else 'open' end as state
          from gateway.delivery d
         where d.route = %(route)s and d.confirmed_at is not null and d.counted > 0
           and (%(from)s::timestamptz is null or d.left_at >= %(from)s) and (%(to)s::timestamptz is null or d.left_at < %(to)s)
           and (d.read_back_at is not null or d.number >= (select coalesce(max(number), 0) from gateway.delivery
                 where route = %(route)s and after_batch = 0 and confirmed_at is not null))) deliveries;
