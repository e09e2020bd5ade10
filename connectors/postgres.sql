-- name: probe: the source's clock, the newest moment that is certainly complete, and who the server is
-- A transaction may stamp a row with its start before it commits, even one that has not written yet; so what is older
-- than the oldest open one is complete.
select now() as now,
       case when pg_has_role(current_user, 'pg_read_all_stats', 'usage')
            then least(now(), min(a.xact_start), (select min(prepared) from pg_catalog.pg_prepared_xacts
                                                   where database = current_database())) - interval '1 microsecond'
            else now() - make_interval(secs => %(lag)s) end as upper,
       (select system_identifier from pg_catalog.pg_control_system())::text || ':' ||
       (select timeline_id from pg_catalog.pg_control_checkpoint())::text || ':' ||
       (select oid from pg_catalog.pg_database where datname = current_database())::text as identity
  from pg_catalog.pg_stat_activity a
 where a.backend_type = 'client backend' and a.datname = current_database() and a.pid <> pg_backend_pid();

-- name: is_plain: whether this is a table whose rows lie in its own pages
select exists (select from pg_catalog.pg_class where oid = to_regclass(%(table)s) and relkind = 'r');

-- name: pages: the number of pages of a plain table, or null when it cannot be split by page
select case when c.relkind = 'r' then pg_catalog.pg_relation_size(c.oid) / current_setting('block_size')::int end
  from pg_catalog.pg_class c where c.oid = to_regclass(%(table)s);

-- name: hash_sample: the hash of one fixed record, to see whether two servers hash alike
select pg_catalog.hash_record_extended(row('承德𠂇'::text, 42::smallint, 7::bigint, 1234.500000::numeric(24,6),
       date '2026-02-28', timestamptz '2026-11-23 08:00:00+08', true, null::text), 0);
