-- name: ripen: rows that waited long enough for what they refer to are now rejected
update gateway.quarantine set state = 'open'
 where state = 'waiting' and dataset = %(dataset)s and source = %(source)s and wait_until <= %(now)s;

-- name: live: the sealed rows of a source that are not in the hub as they are, those included that a person decided on
select id, row_hash, sealed from gateway.quarantine
 where state in ('open', 'waiting', 'corrected', 'discarded') and dataset = %(dataset)s and source = %(source)s order by id;

-- name: list: quarantined rows, newest first, masked
select q.id, q.dataset, q.source, q.route, q.batch_id, q.rule, q.state, q.owner, q.masked, q.entered_at, q.wait_until,
       q.closed_at, q.closed_by, q.closed_why, q.closed_batch, q.words,
       extract(day from clock_timestamp() - q.entered_at)::int as age_days
  from gateway.quarantine q
 where (%(dataset)s::text is null or q.dataset = %(dataset)s) and (%(route)s::text is null or q.route = %(route)s)
   and (%(state)s::text is null or q.state = %(state)s) and (%(id)s::bigint is null or q.id = %(id)s)
 order by q.id desc limit %(limit)s;

-- name: sealed: one quarantined row with its sealed original
select id, dataset, source, route, state, rule, row_hash, sealed from gateway.quarantine where id = %(id)s;

-- name: close_replayed: a person's row was sent again, as it was or with edited values
update gateway.quarantine set state = %(state)s, closed_at = clock_timestamp(), closed_by = %(who)s,
       closed_why = %(why)s, closed_batch = %(batch)s
 where id = %(row)s and (closed_at is null or closed_batch = %(batch)s);

-- name: discard: a person gives a row up
update gateway.quarantine set state = 'discarded', closed_at = clock_timestamp(), closed_by = %(who)s,
       closed_why = %(why)s
 where id = %(id)s and state in ('open', 'waiting') returning dataset;
