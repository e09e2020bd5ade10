-- name: alone: one process at a time compares the catalog with the versions
select pg_advisory_xact_lock(hashtextextended('gateway.agreement', 0));

-- name: in_force: what is promised now
select route, dataset, unit, outbound, kind, schedule, days, source_s, hub_s, target_s, target_bp
  from gateway.agreement where valid_to is null order by route;

-- name: end: a version ends; its occurrences stay, those after it were never due
with ended as (update gateway.agreement set valid_to = %(now)s where route = %(route)s and valid_to is null returning agreement)
delete from gateway.sla_event e using ended where e.agreement = ended.agreement and e.slot >= %(now)s;

-- name: begin: the next version begins
insert into gateway.agreement (route, dataset, unit, outbound, kind, schedule, days, source_s, hub_s, target_s, target_bp, valid_from)
values (%(route)s, %(dataset)s, %(unit)s, %(outbound)s, %(kind)s, %(schedule)s, %(days)s, %(source_s)s, %(hub_s)s, %(target_s)s,
        %(target_bp)s, %(now)s);

-- name: between: the versions of a time
select agreement, route, dataset, unit, outbound, kind, schedule, days, source_s, hub_s, target_s, target_bp, valid_from, valid_to
  from gateway.agreement
 where valid_from < %(ends)s and (valid_to is null or valid_to > greatest(%(begins)s, valid_from))
 order by route, agreement;
