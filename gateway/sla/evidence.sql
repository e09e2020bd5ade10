-- name: occurrences: everything that the figures count, in the order of the file
select agreement, route, slot, until, source_due, due, absent_until, seen_at, handed_at, confirmed_at, measured, receipt, failed_batch,
       rows, n, max_ms, histogram, docket, verdict, blame
  from gateway.sla_verdicts(%(begins)s, %(ends)s, %(as_of)s) order by slot, route, agreement;

-- name: receipts: what the occurrences were made of: the runs of the period, and those after it that an occurrence waited for
select r.no, r.prev, r.body, r.hash, r.signature, r.key_id
  from gateway.receipt r join gateway.sla_run s on s.receipt = r.no
 where s.at >= %(begins)s and r.no <= greatest(
         (select max(receipt) from gateway.sla_run where at < %(ends)s and at <= %(as_of)s),
         (select max(e.receipt) from gateway.sla_event e where e.slot >= %(begins)s and e.slot < %(ends)s))
 order by r.no;

-- name: dockets: exemptions and disputes that touch the period
select k.no, k.kind, k.unit, k.reason, k.words, k.effect, k.filed_at, k.ruling, k.ruled_at, k.ruling_words, k.withdrawn_at,
       json_agg(json_build_array(o.route, o.slot) order by o.slot, o.route) as occurrences
  from gateway.docket k join gateway.docket_event o using (no)
 where o.slot >= %(begins)s and o.slot < %(ends)s group by k.no order by k.no;

-- name: printed: the head that the circular of a period printed, if it was frozen at that moment
select evidence_root from gateway.issue
 where period = %(period)s and state in ('frozen', 'published') and figures ->> 'as_of' = %(as_of)s;
