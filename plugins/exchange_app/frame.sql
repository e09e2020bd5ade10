-- name: may_report: whether this login may act as the role that reads
select pg_catalog.pg_has_role(oid, 'set') from pg_catalog.pg_roles where rolname = 'gateway_report';
