-- name: columns: what the server says of a table's columns, in order
select column_name, data_type, column_type, coalesce(numeric_precision, ''), coalesce(numeric_scale, ''),
       coalesce(datetime_precision, '0'), is_nullable, character_maximum_length, character_octet_length, character_set_name
  from information_schema.columns
 where table_schema = database() and table_name = {table}
 order by ordinal_position;

-- name: engine: what keeps a table's rows, and whether it can keep several changes as one; a view has no such thing
select coalesce(t.engine, t.table_type), coalesce(e.transactions, 'NO')
  from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
 where t.table_schema = database() and t.table_name = {table};
