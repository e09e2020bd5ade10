-- name: taken: what a batch is made of, by operation; nothing when it is not there
select cd_operation, count(*) from {table} where cd_batch = {batch} group by cd_operation;

-- name: unread: rows that the other side has not fetched yet, counted up to a bound
select count(*) from (select 1 from {table} where {waiting} limit {most}) lying;

-- name: alone: wait for what an earlier session of ours is still doing to the table
select get_lock({name}, 30);

-- name: leave: let the next one in
do release_lock({name});

-- name: returned: what the platform refused of a table's rows
select row_guid, table_row_guid, table_cd_time, err_type, coalesce(remark, ''), cd_time, table_cd_batch
  from {returns}
 where table_sql_name = {name} and table_cd_source = {source} {since}
 order by cd_time, row_guid;

-- name: keys: whose rows the returns are about; the platform may have cut what names them short
select cd_batch, left({row_key}, 50), {key} from {table} where cd_batch in ({batches}) and left({row_key}, 50) in ({rows})
 order by {key};

-- name: repeated: rows that the platform repeats whole, with what is wrong with them
select cd_batch, coalesce(error_remark, ''), cd_time, {key} from {returns} where data_source = {source} order by cd_time;
