-- name: limits: what the table demands of a value: that it is there, and how long it may be at most
select a.attname, a.attnotnull, case when a.atttypid in (1042, 1043) and a.atttypmod > 4 then a.atttypmod - 4 end
  from pg_catalog.pg_attribute a
 where a.attrelid = to_regclass(%(table)s) and a.attnum > 0 and not a.attisdropped;
