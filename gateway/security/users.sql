-- name: add: a login belongs to a unit; nothing when it belongs to one already
insert into gateway.user_unit (login, unit, since, added_by) values (%(login)s, %(unit)s, %(now)s, %(who)s)
on conflict (login) where until is null do nothing returning login;

-- name: end: a login belongs to its unit no longer
update gateway.user_unit set until = %(now)s where login = %(login)s and until is null returning unit;

-- name: find: logins and their units, those that ended only when asked for
select login, unit, since, until, added_by from gateway.user_unit
 where (%(ended)s or until is null) and (%(unit)s::text is null or unit = %(unit)s) order by unit, login, since;

-- name: unit_of: the unit of a login
select unit from gateway.user_unit where login = %(login)s and until is null;
