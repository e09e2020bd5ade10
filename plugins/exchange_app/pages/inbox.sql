-- name: own: notices that the login's unit was told, those it has yet to answer first; no other unit's
select n.notice, n.number, n.platform, n.dataset, n.state, p.revision, p.unit, p.impact, r.class, r.effective_on, r.answers_due,
       r.announced_at, p.answer, p.answered_at,
       p.answered_at is null and n.state <> 'withdrawn' as open,
       p.answered_at is null and n.state <> 'withdrawn' and p.impact = 'breaking' and r.answers_due < %(today)s as overdue
  from gateway.user_unit u
  join gateway.notice_recipient p on p.unit = u.unit
  join gateway.notice n on (n.notice, n.revision) = (p.notice, p.revision)
  join gateway.notice_revision r on (r.notice, r.revision) = (p.notice, p.revision)
 where u.login = %(login)s and u.until is null
 order by (p.answered_at is null and n.state <> 'withdrawn') desc,
          array_position(array['breaking', 'warn', 'info', 'none'], p.impact), r.answers_due nulls last, n.notice desc
 limit 200;

-- name: told: the revision in force of one notice, as the login's unit was told it; nothing when it was not
select p.revision, p.unit, p.impact, p.uses, p.answer, p.answer_until, p.remark, p.answered_by, p.answered_title, p.answered_at,
       p.escalated_at
  from gateway.user_unit u
  join gateway.notice_recipient p on p.unit = u.unit
  join gateway.notice n on (n.notice, n.revision) = (p.notice, p.revision)
 where u.login = %(login)s and u.until is null and n.notice = %(notice)s;

-- name: unit: the unit of a login
select unit from gateway.user_unit where login = %(login)s and until is null;
