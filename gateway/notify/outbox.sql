-- name: put: a message waits; nothing when that purpose of that topic reached, or is to reach, that contact already
insert into gateway.outbox (topic, contact, purpose, sealed, next_try, queued_at)
values (%(topic)s, %(contact)s, %(purpose)s, %(sealed)s, %(now)s, %(now)s)
on conflict (topic, contact, purpose) do nothing returning message;

-- name: known: whether that purpose of that topic reached, or is to reach, that contact already
select from gateway.outbox where topic = %(topic)s and contact = %(contact)s and purpose = %(purpose)s;

-- name: due: the channels that have something to send now
select distinct c.channel from gateway.outbox o join gateway.contact c using (contact)
 where o.state = 'waiting' and o.next_try <= %(now)s order by c.channel;

-- name: next: the messages of a channel that are due longest; not by an account in `resting`
select o.message from gateway.outbox o join gateway.contact c using (contact)
 where o.state = 'waiting' and o.next_try <= %(now)s and c.channel = %(channel)s
   and not coalesce(%(account)s, c.address) = any (%(resting)s::text[])
 order by o.next_try, o.message limit %(limit)s;

-- name: take: a message that is still due, held until the transaction ends; nothing when another worker has it
select o.message, o.topic, o.contact, o.purpose, o.sealed, o.attempts, o.queued_at, c.address, c.until
  from gateway.outbox o join gateway.contact c using (contact)
 where o.message = %(message)s and o.state = 'waiting' and o.next_try <= %(now)s for update of o skip locked;

-- name: note: what came of a try
with tried as (
  insert into gateway.outbox_try (message, attempt, tried_at, sent, answer, answer_hash)
  values (%(message)s, %(attempt)s, %(now)s, %(state)s = 'sent', %(answer)s, %(hash)s)
)
update gateway.outbox set state = %(state)s, attempts = %(attempt)s, next_try = %(next_try)s where message = %(message)s;

-- name: give_up: what waits too long for an account that does not work dies together, with what that said last
with late as (
  select o.message, o.attempts + 1 as attempt from gateway.outbox o join gateway.contact c using (contact)
   where o.state = 'waiting' and o.message <> %(message)s and o.queued_at <= %(before)s and c.channel = %(channel)s and coalesce(%(account)s, c.address) = %(resting)s
     for update of o skip locked
), told as (
  insert into gateway.outbox_try (message, attempt, tried_at, sent, answer)
  select message, attempt, %(now)s, false, %(answer)s from late
)
update gateway.outbox o set state = 'dead', attempts = late.attempt from late where o.message = late.message;

-- name: find: messages without their content, newest first, with what was said to the last try
select o.message, o.topic, o.purpose, o.contact, c.unit, c.channel, o.state, o.attempts, o.queued_at,
       case when o.state = 'waiting' then o.next_try end as next_try, t.tried_at, t.answer
  from gateway.outbox o join gateway.contact c using (contact)
  left join lateral (select tried_at, answer from gateway.outbox_try t where t.message = o.message order by attempt desc limit 1) t on true
 where (%(state)s::text is null or o.state = %(state)s) and (%(topic)s::text is null or o.topic = %(topic)s)
 order by o.message desc limit %(limit)s;

-- name: retry: what is dead waits again from now on, and what waits is due now; all dead ones without a number
update gateway.outbox set next_try = %(now)s, queued_at = case when state = 'dead' then %(now)s else queued_at end, state = 'waiting'
 where (message = %(message)s and state <> 'sent') or (%(message)s::bigint is null and state = 'dead');

-- name: dead: how many messages were given up
select count(*) from gateway.outbox where state = 'dead';
