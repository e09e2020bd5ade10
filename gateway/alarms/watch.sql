-- name: note: it is wrong; when that is known, how it stands now
insert into gateway.alarm (kind, subject, unit, said, hint, since, opened_at, muted)
values (%(kind)s, %(subject)s, %(unit)s, %(said)s, %(hint)s, coalesce(%(since)s, %(now)s), %(now)s, %(muted)s)
on conflict (kind, subject) where closed_at is null
do update set said = excluded.said, hint = excluded.hint, muted = excluded.muted;

-- name: close: what a look no longer finds is over
update gateway.alarm set closed_at = %(now)s
 where closed_at is null and kind = any (%(kinds)s) and not (kind, subject) in (select * from unnest(%(wrong)s::text[], %(subjects)s::text[]));

-- name: untold: what nobody was told of yet; who tells at the same time waits, and finds it told
select alarm, kind, subject, unit, said, hint, since from gateway.alarm
 where told_at is null and closed_at is null and not muted order by alarm for update;

-- name: told: somebody is told of it
update gateway.alarm set told_at = %(now)s where alarm = any (%(alarms)s);

-- name: over: what is over since it was told
select alarm, kind, subject, unit, said, hint, since from gateway.alarm
 where closed_at is not null and told_at is not null and over_told_at is null order by alarm for update;

-- name: over_told: somebody is told that it is over
update gateway.alarm set over_told_at = %(now)s where alarm = any (%(alarms)s);

-- name: standing: all that is wrong now: alarms, backups, notices without an answer, structures that nobody announced; the oldest first
select 'alarm' as of, kind, subject, unit, said, hint, since, told_at from gateway.alarm where closed_at is null
 union all
select 'backup', kind, trim(plan || ' ' || repository), unit, said, 'gateway backup list --plan ' || plan, opened_at, opened_at
  from gateway.backup_incident where closed_at is null
 union all
select 'notice', 'unanswered', n.number || ' ' || p.unit, p.unit, '结构变更通知逾期未回执 no answer to a notice', 'gateway notice show ' || n.number,
       r.answers_due::timestamp at time zone 'Asia/Shanghai', p.escalated_at
  from gateway.notice n join gateway.notice_revision r using (notice, revision) join gateway.notice_recipient p using (notice, revision)
 where n.state = 'announced' and p.answered_at is null and p.impact in ('warn', 'breaking')
   and r.answers_due < (%(now)s at time zone 'Asia/Shanghai')::date
 union all
select 'structure', kind, coalesce(route, platform), '', '结构与公告不符 a structure is not what was announced',
       'gateway incident show ' || incident, opened_at, opened_at from gateway.incident where state = 'open'
 order by since, of, subject;
