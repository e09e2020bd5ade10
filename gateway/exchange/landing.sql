-- name: leftovers: landing tables of earlier attempts of a data set, whole partition trees by their root
select c.relname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'landing' and c.relkind in ('r', 'p') and not c.relispartition and c.relname ~ %(pattern)s;

-- name: old_functions: reason functions of a data set that are not today's
select p.oid::regprocedure::text from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname = 'gateway' and p.proname ~ %(pattern)s and p.proname <> %(current)s;

-- name: function_exists: whether today's reason function is there already
select exists (select from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
                where n.nspname = 'gateway' and p.proname = %(name)s);
