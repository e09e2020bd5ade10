-- name: server: which server and database this is
select version() as version, database() as name, s.default_character_set_name as encoding, s.default_collation_name as collation,
       @@lower_case_table_names as lower_case
  from information_schema.schemata s where s.schema_name = database();

-- name: tables: everything that has rows, and how it is stored
select table_name as name, table_type as type, coalesce(engine, '') as engine, coalesce(data_length + index_length, 0) as bytes,
       auto_increment as counter
  from information_schema.tables
 where table_schema = database() and table_type <> 'VIEW' and table_name not in %(exclude)s order by table_name;

-- name: columns: the columns of every table
select table_name as tab, column_name as name, data_type as kind, column_type as type, collation_name as collation,
       character_set_name as charset, is_nullable = 'YES' as empty
  from information_schema.columns where table_schema = database() order by table_name, ordinal_position;

-- name: objects: what there is besides rows
select 'views' as kind, count(*) as count from information_schema.views where table_schema = database()
union all select 'triggers', count(*) from information_schema.triggers
           where trigger_schema = database() and event_object_table not in %(exclude)s
union all select 'events', count(*) from information_schema.events where event_schema = database()
union all select 'routines', count(*) from mysql.proc where db = database()
union all select 'indexes', count(distinct table_name, index_name) from information_schema.statistics
           where table_schema = database() and table_name not in %(exclude)s
union all select 'foreign keys', count(*) from information_schema.referential_constraints
           where constraint_schema = database() and table_name not in %(exclude)s;

-- name: rights: what the account may do here: without some of these the server shows less, and says nothing
select privilege_type as name from information_schema.user_privileges
 where grantee = concat('\'', substring_index(current_user(), '@', 1), '\'@\'', substring_index(current_user(), '@', -1), '\'')
union select privilege_type from information_schema.schema_privileges
 where grantee = concat('\'', substring_index(current_user(), '@', 1), '\'@\'', substring_index(current_user(), '@', -1), '\'')
   and database() like table_schema;

-- name: position: where the server's own log of changes stood when this session's snapshot was taken
show status like 'binlog_snapshot_%%';
