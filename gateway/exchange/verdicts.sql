-- name: newest: the newest verdict of a route that was heard before, by the target's clock; one from the future is of no other time
-- than when it was heard, or nothing would be heard until then
select max(least(judged_at, heard_at)) from gateway.verdict where route = %(route)s;

-- name: enter: rows that a target refused; more about a row that is there already is added to its words
insert into gateway.quarantine as q (dataset, source, route, batch_id, rule, state, owner, row_hash, masked, sealed, words, brought_by, row_key)
select * from (values %s) as s (dataset, source, route, batch_id, rule, state, owner, row_hash, masked, sealed, words, brought_by, row_key)
 where not exists (select from gateway.quarantine d where d.dataset = s.dataset and d.source = s.source
                      and d.route = s.route and d.row_hash = s.row_hash and d.state = 'discarded')
on conflict (dataset, source, row_hash, route) where state in ('open', 'waiting')
do update set words = case when strpos(q.words, excluded.words) > 0 then q.words
                               else concat_ws(E'\n', q.words, excluded.words) end;

-- name: note: a verdict was heard, and what became of it
insert into gateway.verdict (route, verdict, number, error, state, judged_at, batch_id, at_once)
select %(route)s, verdict, number, error, state, judged_at, %(batch)s, at_once from gateway_judged;

-- name: forget: what the route has entered by now, told by the platform or asked for
delete from gateway.callback c using gateway.verdict v
 where v.route = %(route)s and v.verdict = c.verdict and c.platform = %(platform)s and c.dataset = %(dataset)s;
