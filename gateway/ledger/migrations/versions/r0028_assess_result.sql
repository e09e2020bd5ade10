-- What a frozen issue says of each agreement and of the unit that answers for it. Only what was frozen is shown: a result is never
-- changed, and a correction stands in the next issue (AS-03). `due_count` is the sum of the verdicts (AS-01).
create view gateway.assess_result as
select i.period::varchar(8) as period, r.unit::varchar(18) as unit, r.route::varchar(60) as agreement, r.kind::varchar(9) as kind,
       r.dataset::varchar(60) as dataset, (r.on_time + r.late + r.exempt + r.unmeasured) as due_count, r.on_time, r.late, r.exempt,
       r.unmeasured, r.rate_bp, r.late_source, r.late_hub, r.late_target, r.read as rows_sent, r.rejected as rows_rejected,
       n.sent as notices_sent, n.acked as notices_acked, n.lead as lead_days_min,
       b.stored as backup_ok, b.drilled as drill_ok, b.age as drill_age_days,
       i.evidence_root::varchar(64) as evidence_root, i.issue_no, i.frozen_at
  from gateway.issue i
 cross join lateral jsonb_to_recordset(i.figures -> 'routes') as r (
       route text, dataset text, unit text, kind text, on_time integer, late integer, exempt integer, unmeasured integer, rate_bp integer,
       late_source integer, late_hub integer, late_target integer, read bigint, rejected bigint)
 cross join lateral (
       select count(*)::integer as sent, count(answered_at)::integer as acked, min(lead_workdays) as lead
         from jsonb_to_recordset(i.figures -> 'notices') as told (unit text, answered_at text, lead_workdays integer)
        where told.unit = r.unit) n
 cross join lateral (
       select coalesce(sum(stored), 0)::integer as stored, coalesce(sum(drills_passed), 0)::integer as drilled,
              ((i.figures ->> 'last')::date - min((proven_snapshot::timestamptz at time zone 'Asia/Shanghai')::date)) as age
         from jsonb_to_recordset(i.figures -> 'backups') as kept (unit text, stored integer, drills_passed integer, proven_snapshot text)
        where kept.unit = r.unit) b
 where i.state in ('frozen', 'published');
