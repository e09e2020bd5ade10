-- name: server: which server and version
select version();

-- name: schemas: databases with who may do what in all of them, as far as this account is told
select s.schema_name, p.grantee, p.privilege_type
  from information_schema.schemata s
  left join information_schema.schema_privileges p on p.table_schema = s.schema_name
 where s.schema_name in %(schemas)s
 order by 1, 2, 3;

-- name: relations: tables and views
select t.table_schema, t.table_name, case t.table_type when 'VIEW' then 'v' else 'r' end, t.engine,
       nullif(case t.table_type when 'VIEW' then '' else t.table_comment end, ''), v.view_definition,
       case v.is_updatable when 'YES' then 28 when 'NO' then 0 end
  from information_schema.tables t
  left join information_schema.views v on v.table_schema = t.table_schema and v.table_name = t.table_name
 where t.table_schema in %(schemas)s and t.table_type in ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
 order by 1, 2;

-- name: columns: columns in order
select table_schema, table_name, column_name, column_type, is_nullable = 'NO', column_default, lower(extra),
       collation_name, nullif(column_comment, ''), nullif(generation_expression, '')
  from information_schema.columns
 where table_schema in %(schemas)s
 order by table_schema, table_name, ordinal_position;

-- name: indexes: the primary key, unique rules and indexes; an index on an expression has no column
select table_schema, table_name, index_name, non_unique, column_name, sub_part
  from information_schema.statistics
 where table_schema in %(schemas)s
 order by table_schema, table_name, index_name, seq_in_index;

-- name: references: foreign keys, column by column
select k.table_schema, k.table_name, k.constraint_name, k.column_name,
       concat(k.referenced_table_schema, '.', k.referenced_table_name), k.referenced_column_name,
       r.update_rule, r.delete_rule
  from information_schema.key_column_usage k
  join information_schema.referential_constraints r
    on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name and r.table_name = k.table_name
 where k.table_schema in %(schemas)s and k.referenced_table_name is not null
 order by k.table_schema, k.table_name, k.constraint_name, k.ordinal_position;

-- name: checks: checks; only MariaDB has the name of the table beside them, and both have it here
select t.table_schema, t.table_name, t.constraint_name, c.check_clause
  from information_schema.table_constraints t
  join information_schema.check_constraints c
    on c.constraint_schema = t.constraint_schema and c.constraint_name = t.constraint_name {same_table}
 where t.table_schema in %(schemas)s and t.constraint_type = 'CHECK'
 order by 1, 2, 3;

-- name: triggers: what runs on a write
select event_object_schema, event_object_table, trigger_name, concat(action_timing, ' ', event_manipulation), action_statement
  from information_schema.triggers
 where event_object_schema in %(schemas)s
 order by 1, 2, 3;

-- name: grants: rights on tables and columns, as far as this account is told
select table_schema, table_name, null, grantee, privilege_type
  from information_schema.table_privileges where table_schema in %(schemas)s
union all
select table_schema, table_name, column_name, grantee, privilege_type
  from information_schema.column_privileges where table_schema in %(schemas)s
 order by 1, 2, 3, 4, 5;
