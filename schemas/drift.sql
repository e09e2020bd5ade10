-- name: known: what a route last ran with
select relation, identity, shape, contract, document from gateway.route_structure
 where route = %(route)s and platform = %(platform)s;

-- name: accept: a route goes on with a structure
insert into gateway.route_structure (route, platform, relation, identity, shape, contract, document, seen_at)
values (%(route)s, %(platform)s, %(relation)s, %(identity)s, %(shape)s, %(contract)s, %(document)s, %(now)s)
on conflict (route) do update set platform = excluded.platform, relation = excluded.relation,
  identity = excluded.identity, shape = excluded.shape, contract = excluded.contract, document = excluded.document, seen_at = excluded.seen_at;
