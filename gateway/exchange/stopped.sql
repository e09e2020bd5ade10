-- name: enter: rows stopped on their way out; one already there is not doubled, one that a person discarded stays discarded
insert into gateway.quarantine (dataset, source, route, batch_id, rule, state, owner, row_hash, masked, sealed, words)
select * from (values %s) as s (dataset, source, route, batch_id, rule, state, owner, row_hash, masked, sealed, words)
 where not exists (select from gateway.quarantine d where d.dataset = s.dataset and d.source = s.source
                      and d.route = s.route and d.row_hash = s.row_hash and d.state = 'discarded')
on conflict (dataset, source, row_hash, route) where state in ('open', 'waiting') do nothing;

-- name: open: the open entries of an outbound route
select id, row_hash, sealed from gateway.quarantine where route = %(route)s and state = 'open' order by id;

-- name: noted: how many rows each rule stopped when a delivery left under its number
select rule, count(*) from gateway.quarantine where route = %(route)s and batch_id = %(number)s and not starts_with(rule, %(peer)s) group by rule;
