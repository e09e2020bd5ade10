-- name: installed: the schema of the extension that counts statements, where it is there
select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_stat_statements';

-- name: seen: statements of some accounts in this database, one line each
select r.rolname, s.queryid::text, min(s.query), sum(s.calls)::bigint
  from {schema}.pg_stat_statements s join pg_roles r on r.oid = s.userid
 where r.rolname = any(%(accounts)s::text[]) and s.dbid = (select oid from pg_database where datname = current_database())
 group by 1, 2 order by 1, 2;
