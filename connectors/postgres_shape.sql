-- name: columns: the columns of a table as the server describes them, in order
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
  from pg_catalog.pg_attribute a
 where a.attrelid = to_regclass(%(table)s) and a.attnum > 0 and not a.attisdropped
 order by a.attnum;
