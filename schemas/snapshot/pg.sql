-- name: server: who the server is, which database, which version
select (select system_identifier::text from pg_control_system()),
       (select oid::int8 from pg_database where datname = current_database()),
       current_setting('server_version_num')::int;

-- name: schemas: the schemas asked for, or all that are not the server's own, with who may use them
select n.nspname,
       (select array_agg(coalesce(r.rolname, 'public') || ':' || e.privilege_type order by coalesce(r.rolname, 'public') || ':' || e.privilege_type)
          from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) e left join pg_roles r on r.oid = e.grantee
         where e.grantee <> n.nspowner)
  from pg_namespace n
 where case when %(schemas)s::text[] is null then n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            else n.nspname = any(%(schemas)s::text[]) end
 order by n.nspname;

-- name: named: what answers to a quoted name, then what bears a number
select c.oid::int8, n.nspname
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.oid in (to_regclass(%(name)s), %(number)s::oid) and c.relkind in ('r', 'p', 'v', 'm', 'f')
 order by c.oid is distinct from to_regclass(%(name)s)::oid;

-- name: relations: tables, views and what partitions them
select c.oid::int8, n.nspname, c.relname, c.relkind::text, c.relpersistence::text, c.relreplident::text,
       c.relrowsecurity, c.relforcerowsecurity, pg_get_partkeydef(c.oid),
       (select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = c.oid order by i.inhseqno limit 1),
       pg_get_expr(c.relpartbound, c.oid),
       case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid, true) end,
       case when c.relkind in ('v', 'm') then c.reloptions end,
       d.description, pg_get_userbyid(c.relowner)::text,
       case when c.relkind in ('v', 'f') then pg_relation_is_updatable(c.oid, true) end,
       (select array_agg(coalesce(r.rolname, 'public') || ':' || e.privilege_type order by coalesce(r.rolname, 'public') || ':' || e.privilege_type)
          from aclexplode(c.relacl) e left join pg_roles r on r.oid = e.grantee
         where e.grantee <> c.relowner)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join pg_description d on (d.objoid, d.classoid, d.objsubid) = (c.oid, 'pg_class'::regclass, 0)
 where n.nspname = any(%(schemas)s::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
 order by n.nspname, c.relname;

-- name: columns: columns by number; the type that carries labels or checks is that of an array's elements
select a.attrelid::int8, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), nullif(a.attidentity::text, ''), nullif(a.attgenerated::text, ''),
       case when a.attcollation <> t.typcollation then co.collname end, m.description,
       case when t.typtype in ('e', 'd', 'c') then t.oid::int8 when t.typcategory = 'A' then t.typelem::int8 end,
       case when a.attacl is not null then
         (select array_agg(coalesce(r.rolname, 'public') || ':' || e.privilege_type order by coalesce(r.rolname, 'public') || ':' || e.privilege_type)
            from aclexplode(a.attacl) e left join pg_roles r on r.oid = e.grantee where e.grantee <> c.relowner) end,
       case when c.relkind = 'v' then pg_column_is_updatable(c.oid, a.attnum, true) end
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_type t on t.oid = a.atttypid
  left join pg_attrdef d on a.atthasdef and (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
  left join pg_collation co on co.oid = a.attcollation
  left join pg_description m on (m.objoid, m.classoid, m.objsubid) = (c.oid, 'pg_class'::regclass, a.attnum)
 where n.nspname = any(%(schemas)s::text[]) and c.relkind in ('r', 'p', 'v', 'm', 'f')
   and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
 order by a.attrelid, a.attnum;

-- name: enums: labels in order, each with the number that a rename leaves alone
select enumtypid::int8, array_agg(enumlabel::text order by enumsortorder), array_agg(oid::int8 order by enumsortorder)
  from pg_enum group by enumtypid;

-- name: domains: what a domain stands on and what it demands
select t.oid::int8, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
       (select array_agg(pg_get_constraintdef(k.oid) order by pg_get_constraintdef(k.oid))
          from pg_constraint k where k.contypid = t.oid and k.contype = 'c')
  from pg_type t join pg_namespace n on n.oid = t.typnamespace
 where t.typtype = 'd' and n.nspname <> 'information_schema';

-- name: composites: the fields of types that are made of several
select t.oid::int8, string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
  from pg_type t join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where t.typtype = 'c' group by t.oid;

-- name: constraints: keys, checks, references and exclusions; NOT NULL is a fact of its column
select k.conrelid::int8, k.contype::text, k.conname,
       (select array_agg(a.attname::text order by u.place) from unnest(k.conkey) with ordinality u (number, place)
          join pg_attribute a on (a.attrelid, a.attnum) = (k.conrelid, u.number)),
       pg_get_constraintdef(k.oid), k.condeferrable, k.convalidated,
       case when k.contype = 'f' then k.confrelid::regclass::text || '(' ||
         (select string_agg(a.attname, ', ' order by u.place) from unnest(k.confkey) with ordinality u (number, place)
            join pg_attribute a on (a.attrelid, a.attnum) = (k.confrelid, u.number)) || ')' end
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_constraint k on k.conrelid = c.oid and k.contype in ('p', 'u', 'c', 'f', 'x')
 where n.nspname = any(%(schemas)s::text[]) and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
 order by k.conrelid, k.contype, k.conname;

-- name: triggers: triggers and rewrite rules: what runs on a write, with a hash of the body of what it calls
select g.tgrelid::int8, g.tgname, g.tgenabled::text, pg_get_triggerdef(g.oid),
       encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex')
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_trigger g on g.tgrelid = c.oid and not g.tgisinternal
  join pg_proc p on p.oid = g.tgfoid
 where n.nspname = any(%(schemas)s::text[]) and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
union all
select w.ev_class::int8, w.rulename, w.ev_enabled::text, pg_get_ruledef(w.oid), null
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_rewrite w on w.ev_class = c.oid and w.rulename <> '_RETURN'
 where n.nspname = any(%(schemas)s::text[]) and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
 order by 1, 2;

-- name: sequences: who may draw numbers for the columns that a sequence fills; identity needs no such right
select d.refobjid::int8, a.attname,
       (select array_agg(coalesce(r.rolname, 'public') || ':' || e.privilege_type order by coalesce(r.rolname, 'public') || ':' || e.privilege_type)
          from aclexplode(s.relacl) e left join pg_roles r on r.oid = e.grantee where e.grantee <> s.relowner)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_depend d on d.refobjid = c.oid and d.refclassid = 'pg_class'::regclass and d.classid = 'pg_class'::regclass
   and d.deptype = 'a'
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_attribute a on (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
 where n.nspname = any(%(schemas)s::text[]) and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
 order by d.refobjid, a.attnum;

-- name: policies: which rows whom
select o.polrelid::int8, o.polname, o.polcmd::text, o.polpermissive, pg_get_expr(o.polqual, c.oid),
       pg_get_expr(o.polwithcheck, c.oid),
       (select array_agg(coalesce(r.rolname, 'public')::text order by coalesce(r.rolname, 'public')::text) from unnest(o.polroles) u (role)
          left join pg_roles r on r.oid = u.role)
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_policy o on o.polrelid = c.oid
 where n.nspname = any(%(schemas)s::text[]) and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
 order by o.polrelid, o.polname;

-- name: indexes: those that no constraint stands on, without their names; columns where it is a plain key of them
select i.indrelid::int8, ic.relname,
       replace(pg_get_indexdef(i.indexrelid), ' ' || quote_ident(ic.relname) || ' ON ', ' ON '), i.indisunique,
       case when i.indpred is null and i.indexprs is null then
         (select array_agg(a.attname::text order by u.place) from unnest(i.indkey::int2[]) with ordinality u (number, place)
            join pg_attribute a on (a.attrelid, a.attnum) = (i.indrelid, u.number) where u.place <= i.indnkeyatts) end
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_index i on i.indrelid = c.oid and i.indisvalid
  join pg_class ic on ic.oid = i.indexrelid
 where n.nspname = any(%(schemas)s::text[]) and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
   and not exists (select from pg_constraint k where k.conindid = i.indexrelid)
 order by i.indrelid, 3, 2;

-- name: roles: the roles asked for, or those that hold a right on something here and who is a member of them
with recursive granted as (
  select e.grantee as oid
    from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) e
   where n.nspname = any(%(schemas)s::text[]) and e.grantee <> c.relowner
  union
  select e.grantee from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attacl is not null, aclexplode(a.attacl) e
   where n.nspname = any(%(schemas)s::text[]) and e.grantee <> c.relowner
  union
  select e.grantee from pg_namespace n, aclexplode(n.nspacl) e
   where n.nspname = any(%(schemas)s::text[]) and e.grantee <> n.nspowner
), holders as (
  select oid from granted
  union
  select m.member from pg_auth_members m join holders h on h.oid = m.roleid
)
select r.rolname, r.rolsuper, r.rolbypassrls, r.rolcanlogin,
       (select array_agg(g.rolname::text order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid
         where m.member = r.oid)
  from pg_roles r
 where case when %(roles)s::text[] is null
            then r.oid in (select oid from holders) and not r.rolsuper and r.rolname !~ '^pg_'
            else r.rolname = any(%(roles)s::text[]) end
 order by r.rolname;

-- name: usage: which role may enter which schema
select r.rolname, n.nspname
  from pg_roles r, pg_namespace n
 where r.rolname = any(%(roles)s::text[]) and n.nspname = any(%(schemas)s::text[])
   and has_schema_privilege(r.oid, n.oid, 'USAGE')
 order by 1, 2;

-- name: rights: what each role may do with each relation, by whatever way; columns where it may with some only
select r.rolname, n.nspname || '.' || c.relname, p.privilege,
       case when not has_table_privilege(r.oid, c.oid, p.privilege) then
         (select array_agg(a.attname::text order by a.attname) from pg_attribute a
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             and has_column_privilege(r.oid, c.oid, a.attnum, p.privilege)) end
  from pg_roles r, pg_class c join pg_namespace n on n.oid = c.relnamespace,
       (values ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) p (privilege)
 where r.rolname = any(%(roles)s::text[]) and n.nspname = any(%(schemas)s::text[])
   and c.relkind in ('r', 'p', 'v', 'm', 'f') and (%(relation)s::oid is null or c.oid = %(relation)s::oid)
   and case when p.privilege = 'DELETE' then has_table_privilege(r.oid, c.oid, 'DELETE')
            else has_any_column_privilege(r.oid, c.oid, p.privilege) end
 order by 1, 2, 3;
