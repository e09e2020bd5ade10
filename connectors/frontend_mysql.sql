-- name: clock: the server's clock, at the session's offset
select date_format(now(6), '%Y-%m-%dT%H:%i:%s.%f');

-- name: server: what names the server for good, as far as it has such a name, and the database
select concat_ws('/', group_concat(variable_value order by variable_name), database())
  from {variables}
 where variable_name in ('server_uuid', 'server_uid', 'server_id', 'hostname', 'port');

-- name: versions: every version of each key, the newest first; keys are told apart by their bytes, whatever the collation
select {columns}, cd_operation from {table} {since} order by {key}, cd_time desc, cd_batch desc;
