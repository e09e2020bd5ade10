-- name: draft: a change that somebody means to make; one draft per origin
insert into gateway.notice (platform, dataset, publisher, origin)
values (%(platform)s, %(dataset)s, %(publisher)s, %(origin)s)
returning notice;

-- name: of_origin: the notice of a planned change or of a detection, unless it was withdrawn
select notice from gateway.notice where origin = %(origin)s and state <> 'withdrawn';

-- name: lock: one notice, held until the transaction ends
select notice, number, platform, dataset, publisher, origin, state, revision, created_at
  from gateway.notice where notice = %(notice)s for update;

-- name: get: one notice
select notice, number, platform, dataset, publisher, origin, state, revision, created_at
  from gateway.notice where notice = %(notice)s;

-- name: find: a notice by its number or, while it is a draft, by its id
select notice from gateway.notice where number = %(name)s or notice::text = %(name)s;

-- name: serialise_numbers: one announcement at a time counts its year
select pg_advisory_xact_lock(hashtextextended('gateway.notice', 0));

-- name: next_number: the next number of a year
select count(*) + 1 from gateway.notice where number like %(year)s;

-- name: put_revision: what is announced
insert into gateway.notice_revision (notice, revision, class, effective_on, transition_until, announced_at, answers_due, basis, body)
values (%(notice)s, %(revision)s, %(class)s, %(effective_on)s, %(transition_until)s, %(announced_at)s, %(answers_due)s, %(basis)s, %(body)s);

-- name: move: the notice's state, its number and the revision in force
update gateway.notice set state = %(state)s, revision = %(revision)s, number = coalesce(number, %(number)s)
 where notice = %(notice)s;

-- name: revision: a revision of a notice
select r.notice, r.revision, r.class, r.effective_on, r.transition_until, r.announced_at, r.answers_due, r.basis, r.body
  from gateway.notice_revision r where r.notice = %(notice)s and r.revision = %(revision)s;

-- name: put_recipient: whom it is told to, and what it does to them
insert into gateway.notice_recipient (notice, revision, unit, impact, uses, token_hash, token_expires,
                                      answer, answer_until, remark, answered_by, answered_title, answered_at)
values (%(notice)s, %(revision)s, %(unit)s, %(impact)s, %(uses)s, %(token_hash)s, %(token_expires)s,
        %(answer)s, %(answer_until)s, %(remark)s, %(answered_by)s, %(answered_title)s, %(answered_at)s);

-- name: recipients: the recipients of a revision
select unit, impact, uses, answer, answer_until, remark, answered_by, answered_title, answered_at, escalated_at
  from gateway.notice_recipient where notice = %(notice)s and revision = %(revision)s order by unit;

-- name: rehearsed: the last rehearsal of a plan up to a revision, a line a unit
select r.unit, r.result, r.said, r.checks, r.sample, r.revision, r.run, r.began_at, r.seconds
  from gateway.rehearsal r
 where r.notice = %(notice)s and (r.revision, r.run) = (
         select l.revision, l.run from gateway.rehearsal l
          where l.notice = %(notice)s and l.revision <= %(revision)s and l.plan = %(plan)s
          order by l.revision desc, l.run desc limit 1)
 order by r.unit;

-- name: by_token: whose link this is
select p.notice, p.revision, p.unit, p.answered_at, p.token_expires, n.revision as newest, n.state
  from gateway.notice_recipient p join gateway.notice n using (notice) where p.token_hash = %(token_hash)s;

-- name: answer: what a unit says; the first answer to a revision stands, but for one that did not agree
update gateway.notice_recipient
   set answer = %(answer)s, answer_until = %(answer_until)s, remark = %(remark)s, answered_by = %(answered_by)s,
       answered_title = %(answered_title)s, answered_at = %(answered_at)s
 where notice = %(notice)s and revision = %(revision)s and unit = %(unit)s
   and (answered_at is null or answer in ('needs_time', 'objects'));

-- name: escalate: the bureau was told that a unit does not answer
update gateway.notice_recipient set escalated_at = %(at)s
 where notice = %(notice)s and revision = %(revision)s and unit = %(unit)s and escalated_at is null;

-- name: standing: notices in force, newest first, with how many of the harmed have answered
select n.notice, n.number, n.platform, n.dataset, n.publisher, n.state, n.revision, r.class, r.effective_on,
       r.transition_until, r.announced_at, r.answers_due, r.basis,
       (select count(*) from gateway.notice_recipient p where (p.notice, p.revision) = (n.notice, n.revision)) as recipients,
       (select count(*) from gateway.notice_recipient p where (p.notice, p.revision) = (n.notice, n.revision)
           and p.answered_at is not null) as answered,
       (select count(*) from gateway.notice_recipient p where (p.notice, p.revision) = (n.notice, n.revision)
           and p.escalated_at is not null) as escalated
  from gateway.notice n left join gateway.notice_revision r using (notice, revision)
 where %(state)s::text is null or n.state = %(state)s
 order by n.notice desc;

-- name: of_unit: the revisions that a unit was told, newest first; a withdrawn notice is so in the last of them
select n.notice, n.number, n.platform, n.dataset, n.publisher, n.origin, n.created_at,
       r.revision, r.class, r.effective_on, r.transition_until, r.announced_at, r.answers_due, r.basis, r.body,
       p.unit, p.impact, p.uses,
       case when not last.is_it then 'announced' else n.state end as state,
       case when last.is_it and n.state = 'withdrawn'
            then (select min(o.queued_at) from gateway.outbox o
                   where o.purpose = 'withdraw' and o.topic = n.number || ' r' || n.revision) end as withdrawn_at
  from gateway.notice_recipient p
  join gateway.notice_revision r using (notice, revision)
  join gateway.notice n using (notice)
  cross join lateral (select not exists (select from gateway.notice_recipient q
                                          where (q.notice, q.unit) = (p.notice, p.unit) and q.revision > p.revision) as is_it) last
 where p.unit = %(unit)s and r.announced_at is not null
 order by r.announced_at desc, r.notice desc, r.revision desc
 limit %(limit)s;

-- name: told_about: the newest notice about a platform's data set that was told and is not closed
select n.notice, n.revision
  from gateway.notice n
 where n.platform = %(platform)s and n.dataset = %(dataset)s and n.state in ('announced', 'effective', 'transition')
 order by n.notice desc
 limit 1;

-- name: announcing: the structures that notices announced for a platform's data set and a day that has come
select n.number, r.body -> 'announced' as announced
  from gateway.notice n join gateway.notice_revision r using (notice, revision)
 where n.platform = %(platform)s and n.dataset = %(dataset)s and n.state not in ('draft', 'withdrawn')
   and r.effective_on <= %(today)s and jsonb_typeof(r.body -> 'announced') = 'object'
 order by n.notice desc;

-- name: effecting: notices whose day has come, with the looks that were taken of their revision; an old day is looked at no more
select n.notice, n.number, r.effective_on,
       (select coalesce(array_agg(c.stage), '{}') from gateway.effective_check c where (c.notice, c.revision) = (n.notice, n.revision)) as stages
  from gateway.notice n join gateway.notice_revision r using (notice, revision)
 where n.state not in ('draft', 'withdrawn', 'closed') and r.effective_on between %(today)s::date - 7 and %(today)s
   and jsonb_typeof(r.body -> 'announced') = 'object'
 order by n.notice;

-- name: put_check: what a look at the day of effect found; each is taken once
insert into gateway.effective_check (notice, revision, stage, found, shape, diff, checked_at)
values (%(notice)s, %(revision)s, %(stage)s, %(found)s, %(shape)s, %(diff)s, %(now)s) on conflict do nothing;
