-- name: alone: wait for an earlier session of ours, which may still be at its commit though its connection is gone
select pg_advisory_xact_lock(hashtextextended('gateway ' || %(table)s, 0));

-- name: transaction: who the server is, and its name of this transaction
select (select system_identifier from pg_catalog.pg_control_system())::text || ':' ||
       (select timeline_id from pg_catalog.pg_control_checkpoint())::text, pg_catalog.pg_current_xact_id()::text;

-- name: became: what became of an earlier transaction; nothing when this server does not know
select case when %(earlier)s::xid8 < pg_catalog.pg_current_xact_id() then pg_catalog.pg_xact_status(%(earlier)s::xid8) end;

-- name: taken: what a batch is made of, by operation; nothing when it is not there
select cd_operation::text, count(*) from {table} where cd_batch = %(batch)s group by 1;

-- name: unread: rows that the other side has not fetched yet, counted up to a bound
select count(*) from (select from {table} where {waiting} limit %(most)s) lying;

-- name: returned: what the platform refused of a table's rows; it may have cut their key short
select r.row_guid::text, r.table_row_guid::text, r.table_cd_time, r.err_type::text, coalesce(r.remark::text, ''), r.cd_time,
       r.table_cd_batch::text, u.*
  from {returns} r
  left join lateral (select {key} from {table} u where u.cd_batch = r.table_cd_batch
                        and left(u.{row_key}::text, 50) = r.table_row_guid::text limit 1) u on true
 where r.table_sql_name = %(name)s and r.table_cd_source = %(source)s
   and (%(since)s::timestamp is null or r.cd_time >= %(since)s::timestamp)
 order by r.cd_time, r.row_guid;

-- name: repeated: rows that the platform repeats whole, with what is wrong with them
select cd_batch::text, coalesce(error_remark::text, ''), cd_time, {key} from {returns} where data_source = %(source)s order by cd_time;
