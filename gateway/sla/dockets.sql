-- name: alone: numbers of dockets are given one after the other
select pg_advisory_xact_lock(hashtextextended('gateway.docket', 0));

-- name: next: the next number of a kind in a year
select coalesce(max(substr(no, 9)::integer), 0) + 1 from gateway.docket where no like %(prefix)s || '%%';

-- name: touched: the occurrences of a route that a docket is about
select a.unit, e.slot from gateway.sla_event e join gateway.agreement a using (agreement)
 where a.route = %(route)s and e.slot >= %(begins)s and e.slot < %(ends)s order by e.slot;

-- name: file: an exemption or a dispute is filed
insert into gateway.docket (no, kind, unit, reason, words, effect, filed_by, filed_at)
values (%(no)s, %(kind)s, %(unit)s, %(reason)s, %(words)s, %(effect)s, %(who)s, %(now)s);

-- name: rule: once
update gateway.docket set ruling = %(ruling)s, ruled_by = %(who)s, ruled_at = %(now)s, ruling_words = %(words)s
 where no = %(no)s and ruling is null and withdrawn_at is null returning no;

-- name: withdraw: a docket counts no more
update gateway.docket set withdrawn_by = %(who)s, withdrawn_at = %(now)s, withdrawn_why = %(words)s
 where no = %(no)s and withdrawn_at is null returning no;

-- name: listing: dockets, newest first, with how many occurrences each is about
select k.no, k.kind, k.unit, k.reason, k.words, k.effect, k.filed_by, k.filed_at, k.ruling, k.ruled_by, k.ruled_at, k.ruling_words,
       k.withdrawn_at, k.withdrawn_why, count(o.slot) as occurrences, min(o.slot) as first, max(o.slot) as last
  from gateway.docket k left join gateway.docket_event o using (no)
 where %(unit)s::text is null or k.unit = %(unit)s
 group by k.no order by k.filed_at desc, k.no desc limit 500;
