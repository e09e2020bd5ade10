-- name: sealed: the sealed original of a row, of a unit's own alone where one is given
select dataset, source, route, sealed from gateway.quarantine
 where id = %(id)s and (%(unit)s::text is null or owner = %(unit)s);
