-- name: versions: what was seen of platforms, newest first; the first look at one is no change
select platform, version, kind, level, jsonb_array_length(changes) as changes, taken_at from gateway.schema_snapshot
 where (%(platform)s::text is null or platform = %(platform)s) and (%(level)s::text is null or level = %(level)s)
 order by taken_at desc, platform, version desc limit 100;

-- name: holds: routes that wait for their structure, with whoever looks at them
select id, route, facts, raised_at from gateway.hold where kind = 'structure' and state = 'open' order by raised_at desc, id;

-- name: notices: notices, newest first, with how many answered, how many of the harmed did not, and how many of those are late
select n.notice, n.number, n.platform, n.dataset, n.state, n.revision, r.class, r.effective_on, r.announced_at, r.answers_due,
       count(p.unit) as recipients, count(p.answered_at) as answered,
       count(p.unit) filter (where p.impact = 'breaking' and p.answered_at is null) as awaited,
       count(p.unit) filter (where p.impact = 'breaking' and p.answered_at is null and r.answers_due < %(today)s) as overdue,
       count(p.unit) filter (where p.answer in ('needs_time', 'objects')) as objecting
  from gateway.notice n join gateway.notice_revision r using (notice, revision)
  left join gateway.notice_recipient p using (notice, revision)
 where (%(platform)s::text is null or n.platform = %(platform)s) and (%(state)s::text is null or n.state = %(state)s)
 group by n.notice, r.notice, r.revision order by n.notice desc limit 200;

-- name: states: how many notices there are in each state
select state, count(*) as notices from gateway.notice group by state order by state;

-- name: around: a version of a platform's structure, and the one before it
select version, kind, level, changes, document, taken_at from gateway.schema_snapshot
 where platform = %(platform)s and version in (%(version)s, %(version)s - 1) order by version desc;
