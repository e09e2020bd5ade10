-- name: wait: one look at a platform at a time
select pg_advisory_xact_lock(hashtextextended('gateway.snapshot ' || %(platform)s, 0));

-- name: newest: how a platform looked when it was last different
select version, kind, identity, document from gateway.schema_snapshot where platform = %(platform)s order by version desc limit 1;

-- name: keep: a platform looks different
insert into gateway.schema_snapshot (platform, version, kind, identity, shape, level, changes, document, taken_at)
values (%(platform)s, %(version)s, %(kind)s, %(identity)s, %(shape)s, %(level)s, %(changes)s, %(document)s, %(now)s);

-- name: history: versions, newest first
select platform, version, kind, level, jsonb_array_length(changes) as changes, taken_at, shape
  from gateway.schema_snapshot where %(platform)s::text is null or platform = %(platform)s or starts_with(platform, %(platform)s || '/') order by taken_at desc, platform;

-- name: version: one version, the newest when none is named
select platform, version, kind, level, changes, document, taken_at from gateway.schema_snapshot
 where platform = %(platform)s and (%(version)s::int is null or version = %(version)s) order by version desc limit 1;
