-- name: columns: the columns of a hub table as the server describes them
select a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
  from pg_catalog.pg_attribute a
 where a.attrelid = to_regclass(%(table)s) and a.attnum > 0 and not a.attisdropped
 order by a.attnum;

-- name: table_exists: whether a hub table is there
select to_regclass(%(table)s) is not null;

-- name: index_exists: whether a relation of schema hub bears this name, cut as the server cuts it
select exists (select from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                where n.nspname = 'hub' and c.relname = %(name)s::name);

-- name: know_route: a route's state row, made once
with moved as (update gateway.route_state set dataset = %(dataset)s, source = %(source)s,
                      resync = case when loaded then 'the route leads elsewhere now' else resync end
                where route = %(route)s and (dataset, source) is distinct from (%(dataset)s, %(source)s))
insert into gateway.route_state (route, dataset, source) values (%(route)s, %(dataset)s, %(source)s)
on conflict (route) do nothing;

-- name: resync_dataset: the next run of each route of a data set compares the whole of it
update gateway.route_state set resync = %(why)s where dataset = %(dataset)s and loaded;

-- name: stage_codes: where a code file is read into
create temp table staged_code (list text, code text, name text, valid_from date, valid_to date, replaced_by text,
  kind text, source text) on commit drop;

-- name: take_codes: replace the lists that the file holds
delete from gateway.code where list in (select distinct list from staged_code);

-- name: insert_codes: the staged codes become the list
insert into gateway.code select list, code, name, valid_from, valid_to, nullif(replaced_by, ''), coalesce(kind, ''),
       coalesce(source, '') from staged_code;
