-- name: hash_sample: the hash of one fixed record, to see whether two servers hash alike; connectors/postgres.sql has the same
select pg_catalog.hash_record_extended(row('承德𠂇'::text, 42::smallint, 7::bigint, 1234.500000::numeric(24,6),
       date '2026-02-28', timestamptz '2026-11-23 08:00:00+08', true, null::text), 0);
