-- name: stored: every repository has a segment
insert into gateway.wal (plan, system, segment, through, stored_at, bytes)
values (%(plan)s, %(system)s, %(segment)s, %(through)s, %(now)s, %(bytes)s) on conflict do nothing;

-- name: idle: nothing was written since the last segment
update gateway.wal set through = greatest(through, %(through)s)
 where (plan, system, segment) = (select plan, system, segment from gateway.wal where plan = %(plan)s and system = %(system)s
                                   and segment ~ '^[0-9A-F]{24}$' order by segment desc limit 1);

-- name: last: the last stored segment
select segment, through from gateway.wal where plan = %(plan)s and system = %(system)s and segment ~ '^[0-9A-F]{24}$'
 order by segment desc limit 1;

-- name: stored_wal: stored segments of a plan, as the report counts them
select system, segment, through, stored_at from gateway.wal where plan = %(plan)s and segment ~ '^[0-9A-F]{24}$' order by segment;
