-- name: unlogged: tables and sequences that write no WAL
select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relpersistence = 'u' and c.relkind = 'r'
union all
select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relpersistence = 'u' and c.relkind = 'S';
