-- name: head: the chain's head, locked until the end of the transaction
select no, hash, signature, key_id from gateway.chain_head for update;

-- name: peek: the chain's head
select no, hash, signature, key_id from gateway.chain_head;

-- name: last: the entry that the head points at
select no, prev, body, hash, signature, key_id from gateway.receipt where no = %(no)s;

-- name: add: one entry more
insert into gateway.receipt (no, kind, batch_id, route, prev, body, hash, signature, key_id)
values (%(no)s, %(kind)s, %(batch)s, %(route)s, %(prev)s, %(body)s, %(hash)s, %(signature)s, %(key_id)s);

-- name: move_head: the signed head follows the last entry
insert into gateway.chain_head (no, hash, signature, key_id) values (%(no)s, %(hash)s, %(signature)s, %(key_id)s)
on conflict (one) do update set no = excluded.no, hash = excluded.hash, signature = excluded.signature,
                                key_id = excluded.key_id;

-- name: entries: the whole chain in order
select no, prev, body, hash, signature, key_id from gateway.receipt order by no;

-- name: listing: receipts, newest first
select no, kind, batch_id, route, body, hash, made_at from gateway.receipt
 where (%(route)s::text is null or route = %(route)s) order by no desc limit %(limit)s;

-- name: get: one receipt
select no, kind, batch_id, route, prev, body, hash, signature, key_id, made_at from gateway.receipt where no = %(no)s;

-- name: identity: which server this is, and on which line of its history
select s.system_identifier::text || ':' || c.timeline_id::text
  from pg_catalog.pg_control_system() s, pg_catalog.pg_control_checkpoint() c;

-- name: epoch: the newest epoch, one session at a time
select pg_advisory_xact_lock(hashtextextended('gateway.epoch', 0));

-- name: newest_epoch: the newest epoch
select epoch, identity from gateway.epoch order by epoch desc limit 1;

-- name: add_epoch: history begins or forks
insert into gateway.epoch (epoch, identity, reason) values (%(epoch)s, %(identity)s, %(reason)s);

-- name: jump: batch numbers of a new epoch never meet those of an older one
select setval('gateway.batch_no', greatest(%(start)s, (select last_value from gateway.batch_no)));

-- name: resync: after a fork a window is not enough, for deletes and edits since the older point are lost
update gateway.route_state set resync = %(why)s where loaded;

-- name: hash_at: the hash of one entry
select hash from gateway.receipt where no = %(no)s;
