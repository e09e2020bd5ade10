-- name: take_route: the advisory lock of a run, on the connection that commits
select pg_try_advisory_lock(hashtextextended('route:' || %(route)s, 0));

-- name: wait_for_dataset: the lock of the data set that a run writes; another source's run of it ends soon
select pg_advisory_lock(hashtextextended('dataset:' || %(dataset)s, 0));

-- name: free_locks: let both locks go
select pg_advisory_unlock_all();

-- name: state: where a route stands
select route, dataset, source, attempt, batch_id, watermark, source_identity, loaded, resync, probed_at,
       verified_through, verified_remark, paused_by, paused_why, retired_at,
       (select max(b.opened_at) from gateway.batch b where b.route = s.route and b.state = 'committed'
           and b.kind in ('first_load', 'compare')) as compared_at,
       (select h.id from gateway.hold h where h.route = s.route and h.state = 'open') as hold
  from gateway.route_state s where route = %(route)s;

-- name: states: where every route stands
select route, dataset, source, attempt, batch_id, watermark, source_identity, loaded, resync, probed_at,
       verified_through, verified_remark, paused_by, paused_why, retired_at,
       (select max(b.opened_at) from gateway.batch b where b.route = s.route and b.state = 'committed'
           and b.kind in ('first_load', 'compare')) as compared_at,
       (select h.id from gateway.hold h where h.route = s.route and h.state = 'open') as hold
  from gateway.route_state s order by route;

-- name: retired: routes that a person ended; the catalog may still have their files
select route from gateway.route_state where retired_at is not null;

-- name: next_attempt: the fence: whoever holds an older attempt can no longer commit
update gateway.route_state set attempt = attempt + 1, updated_at = clock_timestamp()
 where route = %(route)s returning attempt;

-- name: settle_open_batches: attempts that ended without a word: a receipt says committed, none says aborted
update gateway.batch b set closed_at = clock_timestamp(),
       state = case when r.no is null then 'aborted' else 'committed' end,
       error_text = case when r.no is null then coalesce(b.error_text, 'the run ended without a word') end
  from gateway.batch o left join gateway.receipt r on r.batch_id = o.batch_id
 where b.batch_id = o.batch_id and o.route = %(route)s and o.state = 'open';

-- name: open_batch: record that an attempt begins
insert into gateway.batch (batch_id, route, dataset, source, kind, attempt, run_id)
values (nextval('gateway.batch_no'), %(route)s, %(dataset)s, %(source)s, %(kind)s, %(attempt)s, %(run_id)s)
returning batch_id;

-- name: stage: an attempt reached a stage
update gateway.batch set stage = %(stage)s, stages = stages || jsonb_build_object(%(stage)s::text, %(ms)s)
 where batch_id = %(batch)s;

-- name: kind: what kind of run it became
update gateway.batch set kind = %(kind)s where batch_id = %(batch)s;

-- name: note_xid: the transaction that will decide the batch, noted before it commits
update gateway.batch set xid = %(xid)s, stage = 'commit' where batch_id = %(batch)s;

-- name: close_batch: how an attempt ended
update gateway.batch set state = %(state)s, closed_at = clock_timestamp(), counts = %(counts)s,
       error_code = %(code)s, error_text = %(text)s
 where batch_id = %(batch)s and state = 'open';

-- name: move_state: the route's new state, in the transaction that moves the rows; hits one row or the run is fenced off
update gateway.route_state
   set batch_id = %(batch)s, watermark = greatest(watermark, %(watermark)s), source_identity = %(identity)s,
       loaded = true, resync = %(resync)s, probed_at = %(probed)s, updated_at = clock_timestamp()
 where route = %(route)s and attempt = %(attempt)s;

-- name: verified: how far a route is proven
update gateway.route_state set verified_through = greatest(verified_through, %(through)s), verified_remark = %(remark)s
 where route = %(route)s;

-- name: note_reconciliation: the record of one comparison
insert into gateway.reconciliation (route, batch_id, passed, through, source_rows, hub_rows, missing, extra, different,
                                    pending, quarantined, method, remark)
values (%(route)s, %(batch)s, %(passed)s, %(through)s, %(source_rows)s, %(hub_rows)s, %(missing)s, %(extra)s,
        %(different)s, %(pending)s, %(quarantined)s, %(method)s, %(remark)s);

-- name: waiting_hold: the undecided or approved hold of a route
select id, kind, facts, state, raised_at from gateway.hold where route = %(route)s and state in ('open', 'approved');

-- name: raise_hold: put a route on hold for a person
insert into gateway.hold (route, kind, facts) values (%(route)s, %(kind)s, %(facts)s) returning id;

-- name: use_hold: an approval serves once
update gateway.hold set state = 'used' where id = %(id)s and state = 'approved';

-- name: pause: a person pauses a route
update gateway.route_state set paused_by = %(who)s, paused_why = %(why)s, updated_at = clock_timestamp()
 where route = %(route)s;

-- name: resume: a person lets a route run again; one that was retired compares everything first
update gateway.route_state set paused_by = null, paused_why = null, retired_at = null, updated_at = clock_timestamp(),
       resync = case when retired_at is null then resync else 'it was retired until ' || clock_timestamp()::text end
 where route = %(route)s;

-- name: backfill: a person sends a route back to an older point, or to a comparison of everything
update gateway.route_state
   set watermark = case when %(since)s::timestamptz is null then watermark else least(watermark, %(since)s) end,
       resync = case when %(since)s::timestamptz is null then %(why)s else resync end, updated_at = clock_timestamp()
 where route = %(route)s;

-- name: holds: holds, newest first
select id, route, kind, facts, state, raised_at, decided_at, decided_by, why from gateway.hold
 where (%(state)s::text is null or state = %(state)s) and (%(id)s::bigint is null or id = %(id)s)
 order by id desc limit 500;

-- name: decide_hold: a person's decision on an open hold
update gateway.hold set state = %(state)s, decided_at = clock_timestamp(), decided_by = %(who)s, why = %(why)s
 where id = %(id)s and (state = 'open' or (state = 'approved' and %(state)s = 'released')) returning route;

-- name: latest_batches: the newest attempt of every route
select distinct on (route) route, batch_id, kind, state, stage, opened_at, closed_at, counts, error_code, error_text
  from gateway.batch order by route, batch_id desc;

-- name: batches_of: the attempts of a route, newest first
select batch_id, kind, state, stage, opened_at, closed_at, counts, stages, error_code, error_text
  from gateway.batch where route = %(route)s and kind <> 'reconcile' order by batch_id desc limit 200;
