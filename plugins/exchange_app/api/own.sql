-- name: rows: a unit's rejected rows below a number, newest first, masked
select id as row, dataset, route, rule, state, entered_at, masked, words from gateway.quarantine
 where state in ('open', 'waiting') and owner = %(unit)s and (%(below)s::bigint is null or id < %(below)s)
 order by id desc limit %(limit)s;
