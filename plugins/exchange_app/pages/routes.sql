-- name: runs: the newest attempts of a route with their receipts
select b.batch_id, b.kind, b.state, b.stage, b.opened_at, b.closed_at, b.counts, b.stages, b.error_code, b.error_text,
       b.run_id, r.no as receipt
  from gateway.batch b left join gateway.receipt r on r.batch_id = b.batch_id
 where b.route = %(route)s and b.kind <> 'reconcile' order by b.batch_id desc limit 15;

-- name: receipt_of_run: the receipt that a run of Airflow made, by its newest attempt
select r.no from gateway.batch b join gateway.receipt r on r.batch_id = b.batch_id
 where b.route = %(route)s and b.run_id = %(run)s order by b.batch_id desc limit 1;

-- name: rejects: what is in quarantine of a route, by rule
select rule, state, count(*) as rows, min(entered_at) as oldest, max(entered_at) as newest, min(owner) as owner,
       min(words) as words
  from gateway.quarantine where route = %(route)s and state in ('open', 'waiting')
 group by rule, state order by rows desc, rule limit 200;

-- name: comparisons: the newest comparisons of both sides
select at, passed, through, source_rows, hub_rows, missing, extra, different, pending, quarantined, method, remark
  from gateway.reconciliation where route = %(route)s order by id desc limit 10;
