-- name: reads: whether a role is, or is a member of, one of those that could read; nothing when there is no such role
select r.rolsuper or coalesce((select bool_or(a.name = 'public' or (g.oid is not null and pg_has_role(r.oid, g.oid, 'usage')))
                                 from unnest(%(allowed)s::text[]) a (name)
                                 left join pg_catalog.pg_roles g on g.rolname = a.name), false)
  from pg_catalog.pg_roles r where r.rolname = %(role)s;
