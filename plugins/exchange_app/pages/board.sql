-- name: notice: a notice by its id
select notice, number, platform, dataset, publisher, origin, state, revision, created_at from gateway.notice
 where notice = %(notice)s;

-- name: by_number: the id of a notice by its number
select notice from gateway.notice where number = %(number)s;

-- name: revisions: everything that was announced under a notice, newest first; revision 0 is the draft's
select revision, class, effective_on, transition_until, announced_at, answers_due, basis, body
  from gateway.notice_revision where notice = %(notice)s order by revision desc;

-- name: recipients: who was told of a revision, the harmed first, and what each answered
select unit, impact, uses, answer, answer_until, remark, answered_by, answered_title, answered_at, escalated_at,
       impact = 'breaking' and coalesce(answer, '') not in ('no_impact', 'adapted') as blocks
  from gateway.notice_recipient where notice = %(notice)s and revision = %(revision)s
 order by array_position(array['breaking', 'warn', 'info', 'none'], impact), unit;

-- name: sent: every message about a notice, newest first, with the last try of each and no word of its content
select o.message, o.topic, o.purpose, c.unit, c.channel, c.leader, o.state, o.attempts, o.queued_at, t.tried_at, t.answer
  from gateway.outbox o join gateway.contact c using (contact)
  left join lateral (select tried_at, answer from gateway.outbox_try t where t.message = o.message order by attempt desc limit 1) t on true
 where o.topic = any (%(topics)s) order by o.message desc limit 500;

-- name: acts: what was done to a notice, as the chain has it
select r.no, r.made_at, r.body::jsonb as body from gateway.receipt r
 where r.kind = 'notice' and r.body::jsonb ->> 'notice' = any (%(names)s) order by r.no desc limit 200;
