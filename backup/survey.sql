-- name: server: which server this is, in which version, and where it stands
select (pg_control_system()).system_identifier::text as system_identifier,
       current_setting('server_version_num')::int / 10000 as major, current_setting('server_version') as version,
       current_database() as database, current_setting('server_encoding') as encoding,
       pg_database_size(current_database()) as bytes, now() as at,
       (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end)::text as lsn;

-- name: tables: every ordinary table that is dumped with its rows
select c.oid::bigint as oid, n.nspname as schema, c.relname as name, pg_table_size(c.oid) as bytes,
       coalesce((select json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid::bigint) order by a.attnum)
                   from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
       exists (select from pg_attribute a where a.attrelid = c.oid and a.attgenerated <> '' and not a.attisdropped) as computed
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema')
   and n.nspname !~ '^pg_(toast|temp)' and not n.nspname = any(%(exclude)s)
   and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by n.nspname, c.relname;

-- name: not_compared: what a restore makes anew, or what holds its rows elsewhere
select format('%%I.%%I', n.nspname, c.relname) as name,
       case c.relkind when 'm' then 'materialized view: refreshed by a restore' when 'f' then 'foreign table: its rows are elsewhere'
            else 'belongs to an extension' end as why
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname not in ('pg_catalog', 'information_schema') and not n.nspname = any(%(exclude)s) and c.relpersistence <> 't'
   and (c.relkind in ('m', 'f') or c.relkind = 'r'
        and exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
 order by 1;

-- name: sequences: where they stand; a restored one may be further, never behind
select format('%%I.%%I', n.nspname, c.relname) as name, pg_sequence_last_value(c.oid) as value, s.seqincrement > 0 as up
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_sequence s on s.seqrelid = c.oid
 where c.relkind = 'S' and c.relpersistence <> 't' and not n.nspname = any(%(exclude)s) order by 1;

-- name: roles: who there is and what each may
select rolname as name, concat_ws(' ', case when rolsuper then 'superuser' end, case when rolinherit then 'inherit' end,
         case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end, case when rolcanlogin then 'login' end,
         case when rolreplication then 'replication' end, case when rolbypassrls then 'bypassrls' end) as rights
  from pg_roles where rolname !~ '^pg_' order by 1;

-- name: objects: how many there are of each kind besides tables
select kind, count(*) as count from (
  select case relkind when 'v' then 'views' when 'm' then 'materialized views' when 'i' then 'indexes' when 'I' then 'indexes'
              when 'p' then 'partitioned tables' when 'S' then 'sequences' when 'f' then 'foreign tables' end as kind
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where relkind in ('v', 'm', 'i', 'I', 'p', 'S', 'f') and relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema')
     and n.nspname !~ '^pg_(toast|temp)' and not n.nspname = any(%(exclude)s)
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  union all
  select 'functions' from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
     and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e')
  union all
  select 'triggers' from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
   where not t.tgisinternal and not n.nspname = any(%(exclude)s)
  union all
  select case when convalidated then 'constraints' else 'constraints not valid' end
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace
   where k.conrelid <> 0 and k.contype <> 'n' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_(toast|temp)'
     and not n.nspname = any(%(exclude)s)
  union all
  select 'policies' from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
   where not n.nspname = any(%(exclude)s)
  union all
  select 'extensions' from pg_extension) found
group by kind order by kind;

-- name: large_objects: how many there are
select count(*) as count from pg_largeobject_metadata;

-- name: large_content: the content of all large objects; pages of zeros may be holes and say nothing
select coalesce(sum(hash_record_extended(row(loid, pageno, data), 0)::numeric), 0)::text as hash from pg_largeobject
 where data <> decode(repeat('00', length(data)), 'hex');
