-- name: rows: quarantined rows below a number, newest first, masked; with a login only those of its own unit
select q.id, q.dataset, q.route, q.rule, q.state, q.owner, q.entered_at, q.masked, q.words
  from gateway.quarantine q
 where (q.state in ('open', 'waiting') or %(closed)s)
   and (%(login)s::text is null or q.owner = (select u.unit from gateway.user_unit u where u.login = %(login)s and u.until is null))
   and (%(route)s::text is null or q.route = %(route)s) and (%(rule)s::text is null or q.rule = %(rule)s)
   and (%(owner)s::text is null or q.owner = %(owner)s) and (%(before)s::timestamptz is null or q.entered_at < %(before)s)
   and (%(below)s::bigint is null or q.id < %(below)s)
 order by q.id desc limit %(limit)s;

-- name: count: how many rows a filter finds, up to a bound
select count(*) as rows from (
  select 1 from gateway.quarantine q
   where (q.state in ('open', 'waiting') or %(closed)s)
     and (%(login)s::text is null or q.owner = (select u.unit from gateway.user_unit u where u.login = %(login)s and u.until is null))
     and (%(route)s::text is null or q.route = %(route)s) and (%(rule)s::text is null or q.rule = %(rule)s)
     and (%(owner)s::text is null or q.owner = %(owner)s) and (%(before)s::timestamptz is null or q.entered_at < %(before)s)
   limit %(bound)s) found;

-- name: own: whether a row is there for this login; without one, whether it is there
select q.owner from gateway.quarantine q
 where q.id = %(id)s
   and (%(login)s::text is null or q.owner = (select u.unit from gateway.user_unit u where u.login = %(login)s and u.until is null));
