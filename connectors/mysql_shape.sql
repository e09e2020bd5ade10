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

-- name: mark: all that a snapshot shows of a table, row by row
select 'table', table_type, coalesce(engine, ''), coalesce(table_comment, ''), '' from information_schema.tables
 where table_schema = database() and table_name = {table}
union all
select 'view', view_definition, coalesce(is_updatable, ''), '', '' from information_schema.views
 where table_schema = database() and table_name = {table}
union all
select 'column', concat_ws(' ', ordinal_position, column_name), concat_ws(' ', column_type, is_nullable, extra, collation_name),
       coalesce(concat('=', column_default), ''), concat_ws(' ', column_comment, generation_expression)
  from information_schema.columns where table_schema = database() and table_name = {table}
union all
select 'index', index_name, concat_ws(' ', non_unique, seq_in_index), coalesce(column_name, ''), coalesce(sub_part, '')
  from information_schema.statistics where table_schema = database() and table_name = {table}
union all
select 'reference', concat_ws(' ', constraint_name, ordinal_position), column_name, concat_ws('.', referenced_table_schema, referenced_table_name),
       coalesce(referenced_column_name, '')
  from information_schema.key_column_usage where table_schema = database() and table_name = {table}
union all
select 'check', t.constraint_name, c.check_clause, '', ''
  from information_schema.table_constraints t
  join information_schema.check_constraints c
    on c.constraint_schema = t.constraint_schema and c.constraint_name = t.constraint_name
 where t.table_schema = database() and t.table_name = {table} and t.constraint_type = 'CHECK'
union all
select 'trigger', trigger_name, concat_ws(' ', action_timing, event_manipulation), action_statement, ''
  from information_schema.triggers where event_object_schema = database() and event_object_table = {table}
 order by 1, 2, 3, 4, 5;
