-- name: alone: one step of an issue at a time
select pg_advisory_xact_lock(hashtextextended('gateway.issue', 0));

-- name: get: an issue
select period, state, issue_no, figures, evidence_root, evidence_count, drafted_at, reviewed_by, reviewed_at, frozen_at, published_by,
       published_at, document_hash
  from gateway.issue where period = %(period)s;

-- name: listing: issues, newest period first
select period, state, issue_no, evidence_root, evidence_count, drafted_at, reviewed_by, reviewed_at, frozen_at, published_by, published_at,
       document_hash
  from gateway.issue order by period desc limit %(limit)s;

-- name: draft: figures as they are now; what was reviewed before is a draft again
insert into gateway.issue (period, state, figures, drafted_at) values (%(period)s, 'draft', %(figures)s, %(now)s)
on conflict (period) do update set state = 'draft', figures = excluded.figures, drafted_at = excluded.drafted_at,
                                   reviewed_by = null, reviewed_at = null;

-- name: review: somebody has read the draft
update gateway.issue set state = 'reviewed', reviewed_by = %(who)s, reviewed_at = %(now)s where period = %(period)s;

-- name: next_no: the number of the next issue in the year it appears in
select coalesce(max(issue_no), 0) + 1 from gateway.issue
 where frozen_at >= %(year)s::timestamptz and frozen_at < %(year)s::timestamptz + interval '1 year';

-- name: freeze: from now on corrections appear in the next issue
update gateway.issue set state = 'frozen', issue_no = %(no)s, figures = %(figures)s, evidence_root = %(root)s, evidence_count = %(count)s,
                         frozen_at = %(now)s
 where period = %(period)s;

-- name: publish: the document is out
update gateway.issue set state = 'published', published_by = %(who)s, published_at = %(now)s, document_hash = %(hash)s
 where period = %(period)s;

-- name: before: the newest issue that was frozen for an earlier period
select period, figures, frozen_at from gateway.issue
 where state in ('frozen', 'published') and period < %(period)s order by period desc limit 1;
