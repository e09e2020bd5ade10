-- name: epoch: which life of the hub this is; a restored one begins another
select coalesce(max(epoch), 0) as epoch from gateway.epoch;

-- name: since: what a unit was told after a cursor, by revision in force and state as they are now
select p.told, n.notice, n.number, n.state, n.platform, n.dataset, p.revision, r.class, r.effective_on, r.transition_until,
       r.announced_at, r.answers_due, p.impact, p.answer, p.answered_at
  from gateway.notice_recipient p
  join gateway.notice n on (n.notice, n.revision) = (p.notice, p.revision)
  join gateway.notice_revision r on (r.notice, r.revision) = (p.notice, p.revision)
 where p.unit = %(unit)s and p.told > %(since)s order by p.told limit %(limit)s;

-- name: one: one notice as a unit was told it; nothing when it was not
select p.told, n.notice, n.number, n.state, n.platform, n.dataset, n.publisher, p.revision, r.class, r.effective_on,
       r.transition_until, r.announced_at, r.answers_due, r.body, p.impact, p.uses, p.answer, p.answer_until, p.remark,
       p.answered_by, p.answered_title, p.answered_at
  from gateway.notice_recipient p
  join gateway.notice n on (n.notice, n.revision) = (p.notice, p.revision)
  join gateway.notice_revision r on (r.notice, r.revision) = (p.notice, p.revision)
 where p.unit = %(unit)s and n.notice = %(notice)s;
