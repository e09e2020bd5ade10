-- name: alone: the lock of the route's runs, until this transaction ends
select pg_try_advisory_xact_lock(hashtextextended('route:' || %(route)s, 0));

-- name: retire: a person ends a route: it starts no more, as if paused for good
update gateway.route_state set retired_at = clock_timestamp(), paused_by = %(who)s, paused_why = %(why)s,
       updated_at = clock_timestamp()
 where route = %(route)s and retired_at is null;

-- name: holds: the undecided holds of a route
select id from gateway.hold where route = %(route)s and state in ('open', 'approved') order by id;

-- name: give_up: what of a route still waits in quarantine, which nothing will carry any more
with gone as (update gateway.quarantine set state = 'discarded', closed_at = clock_timestamp(), closed_by = %(who)s,
                     closed_why = %(why)s
               where route = %(route)s and state in ('open', 'waiting') returning 1)
select count(*) from gone;
