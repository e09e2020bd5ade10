-- name: note: a batch decides what a platform brought; what was decided before stays so
insert into gateway.brought (route, delivery, batch_id) select %(route)s, d.name, %(batch)s from unnest(%(names)s::text[]) d (name)
on conflict do nothing;

-- name: untold: deliveries of a route whose receipt was not written back yet, with the record that decided them
select b.delivery, b.batch_id, r.no, r.hash, r.made_at
  from gateway.brought b join gateway.receipt r on r.batch_id = b.batch_id
 where b.route = %(route)s and b.told_at is null order by b.batch_id, b.delivery;

-- name: told: a receipt was written back, or nobody waits for it any more
update gateway.brought set told_at = clock_timestamp() where route = %(route)s and delivery = %(delivery)s;

-- name: any_rejected: whether anything of a source was in quarantine when a batch had been decided
select exists (select from gateway.quarantine q where {live});
