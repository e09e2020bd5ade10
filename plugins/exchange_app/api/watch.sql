-- name: routes: where each route stands
select s.route, extract(epoch from b.closed_at)::bigint as last_success_timestamp_seconds,
       extract(epoch from s.watermark)::bigint as watermark_timestamp_seconds, (s.paused_by is not null)::integer as paused,
       exists (select from gateway.hold h where h.route = s.route and h.state in ('open', 'approved'))::integer as held
  from gateway.route_state s
  left join lateral (select closed_at from gateway.batch b where b.route = s.route and b.state = 'committed'
                      order by b.opened_at desc limit 1) b on true
 order by s.route;

-- name: rows: rejected rows that nobody decided on, by route and state
select route, state, count(*) as quarantined_rows from gateway.quarantine
 where state in ('open', 'waiting') group by route, state order by route, state;

-- name: messages: messages by state, of those that were not sent
select s.state, count(o.message) as messages from (values ('waiting'), ('dead')) s (state)
  left join gateway.outbox o on o.state = s.state group by s.state order by s.state;

-- name: chain: the number of the newest entry
select no as receipts_total from gateway.chain_head;

-- name: backups: the newest proven backup of each plan
select b.plan, extract(epoch from max(b.snapshot_at) filter (where c.state = 'proven'))::bigint as backup_proven_timestamp_seconds
  from gateway.backup b left join gateway.backup_copy c using (backup) group by b.plan order by b.plan;
