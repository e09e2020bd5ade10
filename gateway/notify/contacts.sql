-- name: add: a contact; nothing when the unit has that address on that channel already
insert into gateway.contact (unit, name, title, channel, address, leader, since)
values (%(unit)s, %(name)s, %(title)s, %(channel)s, %(address)s, %(leader)s, %(now)s)
on conflict (unit, channel, address) where until is null do nothing returning contact;

-- name: end: a contact answers for its unit no longer
update gateway.contact set until = %(now)s where contact = %(contact)s and until is null returning unit;

-- name: find: contacts of a unit or all, those that ended only when asked for, leaders only when asked for
select contact, unit, name, title, channel, address, leader, since, until from gateway.contact
 where (%(unit)s::text is null or unit = %(unit)s) and (%(ended)s or until is null)
   and (%(leader)s::boolean is null or leader = %(leader)s) and (%(contact)s::bigint is null or contact = %(contact)s)
 order by unit, leader, contact;
