-- name: there: a view that exists: whether anybody but its owner may read it, and what is built upon it
select exists (select from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) e
                where e.grantee <> c.relowner and e.privilege_type = 'SELECT')
       or exists (select from pg_catalog.pg_attribute a, aclexplode(a.attacl) e
                   where a.attrelid = c.oid and e.grantee <> c.relowner and e.privilege_type = 'SELECT'),
       (select array_agg(distinct w.ev_class::regclass::text) from pg_catalog.pg_depend d
          join pg_catalog.pg_rewrite w on w.oid = d.objid and d.classid = 'pg_rewrite'::regclass
         where d.refobjid = c.oid and d.refclassid = 'pg_class'::regclass and w.ev_class <> c.oid)
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = %(schema)s and c.relname = %(view)s and c.relkind = 'v';

-- name: extension: where the counters are, and whether we see what others ran
select quote_ident(n.nspname), (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
       or pg_has_role(current_user, 'pg_read_all_stats', 'usage')
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relname = 'pg_stat_statements' and c.relkind = 'v';

-- name: calls: how often statements named the view in full, or a unit's role by its bare name; and what was forgotten since when
select coalesce(sum(s.calls), 0), (select dealloc from @extension@.pg_stat_statements_info),
       (select stats_reset from @extension@.pg_stat_statements_info)
  from @extension@.pg_stat_statements s
  join pg_catalog.pg_database d on d.oid = s.dbid and d.datname = current_database()
  left join pg_catalog.pg_roles r on r.oid = s.userid
 where position(lower(%(schema)s || '.' || %(view)s) in lower(replace(s.query, '"', ''))) > 0
    or (r.rolname = any (%(roles)s::text[])
        and replace(s.query, '"', '') ~* ('(^|[^[:alnum:]_.])' || regexp_replace(%(view)s, '([^[:alnum:]_])', '\\\1', 'g') || '($|[^[:alnum:]_])'));
