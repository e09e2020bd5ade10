-- name: begun: the delivery of a route that left and was not confirmed
select number, after_batch, left_at, decision, rows, gone, stopped, hash_sum, upto_batch from gateway.delivery where route = %(route)s and confirmed_at is null;

-- name: begin: a delivery is about to leave
insert into gateway.delivery (number, route, after_batch, upto_batch, rows, gone, stopped, hash_sum, left_at, decision)
values (%(number)s, %(route)s, %(after)s, %(upto)s, %(rows)s, %(gone)s, %(stopped)s, %(hash_sum)s, %(left)s, %(decision)s);

-- name: confirm: the target has taken a delivery
update gateway.delivery set confirmed_at = clock_timestamp(), counted = %(counted)s where number = %(number)s;

-- name: confirmed_upto: the newest hub batch that a route has delivered
select coalesce(max(upto_batch), 0) from gateway.delivery where route = %(route)s and confirmed_at is not null;

-- name: refilling: a route that brings the data set in and has to compare everything first; a paused one is not waited for
select route from gateway.route_state
 where route = any(%(inbound)s) and loaded and resync is not null and paused_by is null order by route limit 1;

-- name: sender: the lasting name of this hub: the hash of the first record of its chain
select hash from gateway.receipt where no = 1;

-- name: committed_at: when a batch's receipt was made
select made_at from gateway.receipt where batch_id = %(batch)s;

-- name: next_left: the second in which a new delivery of a route leaves; no two share one, for targets tell them apart by it
select greatest(date_trunc('second', clock_timestamp()),
                (select max(date_trunc('second', left_at)) + interval '1 second' from gateway.delivery where route = %(route)s));

-- name: unread: confirmed deliveries that were not read back since everything was last sent, oldest first
select number, left_at, counted, upto_batch from gateway.delivery
 where route = %(route)s and confirmed_at is not null and read_back_at is null and counted > 0
   and number >= (select coalesce(max(number), 0) from gateway.delivery
                   where route = %(route)s and after_batch = 0 and confirmed_at is not null)
 order by number;

-- name: note_read: the target was seen to hold all of these deliveries, or has put them away
update gateway.delivery set read_back_at = clock_timestamp() where number = any(%(numbers)s);

-- name: recall: what the target of a route noted last
select note from gateway.memory where route = %(route)s;

-- name: keep: a target notes something for its next batch
insert into gateway.memory (route, note) values (%(route)s, %(note)s)
on conflict (route) do update set note = excluded.note, noted_at = clock_timestamp();
