-- name: newest: the structure of a platform as it was last kept
select document from gateway.schema_snapshot where platform = %(platform)s order by version desc limit 1;

-- name: carried: when each route last carried something
select route, max(closed_at) as last_used from gateway.batch where state = 'committed' group by route;

-- name: observed: what was seen of units at a platform
select unit, dataset, name, columns, unknown, calls, last_used from gateway.usage_profile
 where platform = %(platform)s and source = 'observed' order by unit, dataset, name;

-- name: forget: what is said anew, but for what was seen
delete from gateway.usage_profile where platform = %(platform)s and dataset = %(dataset)s and source <> 'observed';

-- name: keep: what a source says; of what is seen again, the newer
insert into gateway.usage_profile (platform, dataset, unit, source, name, columns, unknown, calls, last_used, seen_at)
values (%(platform)s, %(dataset)s, %(unit)s, %(source)s, %(name)s, %(columns)s, %(unknown)s, %(calls)s, %(last_used)s, %(now)s)
on conflict (platform, dataset, unit, source, name) do update
   set columns = excluded.columns, unknown = excluded.unknown, calls = excluded.calls, last_used = excluded.last_used,
       seen_at = excluded.seen_at;

-- name: kept: profiles as they were last kept
select platform, dataset, unit, source, name, columns, unknown, last_used, seen_at from gateway.usage_profile
 where (%(unit)s::text is null or unit = %(unit)s) and (%(dataset)s::text is null or dataset = %(dataset)s)
 order by dataset, platform, unit, source, name;
