-- name: take_requests: reserve the next turns of a platform; how many seconds from now they come; a clock set back costs ten minutes at most
insert into gateway.pace as p (platform, requests_due) values (%(platform)s, clock_timestamp() + %(cost)s * interval '1 second')
on conflict (platform) do update
   set requests_due = least(greatest(p.requests_due, clock_timestamp()), clock_timestamp() + interval '10 minutes') + %(cost)s * interval '1 second'
returning extract(epoch from requests_due - clock_timestamp())::float8 - %(cost)s;

-- name: take_rows: the same for rows
insert into gateway.pace as p (platform, rows_due) values (%(platform)s, clock_timestamp() + %(cost)s * interval '1 second')
on conflict (platform) do update
   set rows_due = least(greatest(p.rows_due, clock_timestamp()), clock_timestamp() + interval '10 minutes') + %(cost)s * interval '1 second'
returning extract(epoch from rows_due - clock_timestamp())::float8 - %(cost)s;

-- name: rest: a platform asked for a wait; a longer one that it asked for before stands
insert into gateway.pace as p (platform, resting_until, resting_why)
values (%(platform)s, clock_timestamp() + %(seconds)s * interval '1 second', %(why)s)
on conflict (platform) do update set resting_until = excluded.resting_until, resting_why = excluded.resting_why
 where p.resting_until is null or p.resting_until < excluded.resting_until;

-- name: resting: the platforms that rest, until when, for how many seconds more, and what they said
select platform, resting_until, extract(epoch from resting_until - clock_timestamp())::float8 as seconds, resting_why
  from gateway.pace where resting_until > clock_timestamp();

-- name: wake: a person does not wait for a platform any longer
update gateway.pace set resting_until = null, resting_why = null where platform = %(platform)s;
