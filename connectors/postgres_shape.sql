-- name: columns: the columns of a table as the server describes them, in order
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
  from pg_catalog.pg_attribute a
 where a.attrelid = to_regclass(%(table)s) and a.attnum > 0 and not a.attisdropped
 order by a.attnum;

-- name: stamp: what each change of a relation's columns moves, even one that is taken back: the transactions that wrote its columns
select concat_ws(' ', c.oid, c.relrowsecurity, c.relforcerowsecurity,
                 md5(string_agg(concat_ws(':', a.attnum, a.attname, a.xmin), ',' order by a.attnum)))
  from pg_catalog.pg_class c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0
 where c.oid = to_regclass(%(table)s) group by c.oid, c.relrowsecurity, c.relforcerowsecurity;
