-- name: published: the chain's entries that say which document was published, each with the hash of the entry before it
select r.no, r.prev, r.body, r.hash, r.signature, r.key_id, b.hash as before
  from gateway.receipt r left join gateway.receipt b on b.no = r.no - 1
 where (r.body like '%%"who":"%%' or r.body like '%%"what":"answer"%%') and r.body like '%%"what":"circular publish"%%'
 order by r.no desc limit 100;

-- name: own_routes: the routes by which the login's unit is judged
select a.route, a.dataset from gateway.agreement a
  join gateway.user_unit u on u.unit = a.unit and u.login = %(login)s and u.until is null
 where a.valid_to is null order by a.route;
