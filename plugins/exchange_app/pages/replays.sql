-- name: chosen: route and rule of chosen rows; with a login only those of its own unit
select q.id, q.route, q.rule from gateway.quarantine q
 where q.id = any (%(rows)s::bigint[])
   and (%(login)s::text is null or q.owner = (select u.unit from gateway.user_unit u where u.login = %(login)s and u.until is null));
