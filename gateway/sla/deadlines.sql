-- name: there: whether the hub has a data set yet
select to_regclass(%(name)s) is not null;

-- name: begun: what began, each once whatever sites sent it, with the promised day or the one from which days are counted
select {key}::text as no, min({unit}::text) as unit, gateway.china_day(min({due})) as day from {table} where {at} <= %(as_of)s group by 1

-- name: ended: when it was answered first
select {key}::text as no, min({at}) as at from {table} where {at} <= %(as_of)s group by 1

-- name: pauses: working days on which it rested, one that is under way until now
select {key}::text as no, sum(gateway.workdays_between(gateway.china_day({at}), gateway.china_day(least({until}, %(as_of)s))))::integer as days
  from {table} where {at} <= %(as_of)s group by 1

-- name: no_pauses: nothing makes it rest
select null::text as no, 0 as days

-- name: stage: what waits, and what may have been due in the period, with the day on which it was answered; working days are counted once a day
create temp table sla_deadline on commit drop as
with begun as (
  select b.no, b.unit, b.day, gateway.china_day(e.at) as answered, p.days as rested
    from ({begun}) b left join ({ended}) e using (no) left join ({paused}) p using (no)
   where e.at is null or b.day >= %(first)s - 400),
promised as (
  select day, case when %(workdays)s > 0 then gateway.add_workdays(day, %(workdays)s) else day end as due from (select distinct day from begun) d)
select no, unit, day, coalesce(rested, 0) as rested, answered, case when rested > 0 then gateway.add_workdays(due, rested) else due end as due
  from begun join promised using (day);

-- name: counted: what was due in the period, and what waits beyond its day whenever that was
select count(*) filter (where due >= %(first)s) as due, count(*) filter (where due >= %(first)s and answered <= due) as kept,
       count(*) filter (where due >= %(first)s and (answered > due or (answered is null and due < gateway.china_day(%(as_of)s)))) as late,
       count(*) filter (where answered is null and due < gateway.china_day(%(as_of)s)) as waiting
  from sla_deadline where due <= %(last)s;

-- name: overdue: what waits beyond its day, longest first
select no, unit, due, gateway.workdays_between(due, gateway.china_day(%(as_of)s)) as workdays_over
  from sla_deadline where answered is null and due <= %(last)s and due < gateway.china_day(%(as_of)s) order by due, no limit %(named)s;

-- name: matters: everything that the counts and the overdue ones are made of
select no, unit, day, rested, due, answered from sla_deadline
 where due <= %(last)s and (due >= %(first)s or answered is null) order by due, no;

-- name: workdays: the working days by which due days were found
select day from gateway.workday where is_work and day between %(earliest)s and %(latest)s order by day;

-- name: unstage: the next deadline is staged anew
drop table sla_deadline;

-- name: keep: what was found, in the place of what was found before
insert into gateway.sla_deadline (period, deadline, as_of, found) values (%(period)s, %(deadline)s, %(as_of)s, %(found)s)
on conflict (period, deadline) do update set as_of = excluded.as_of, found = excluded.found;

-- name: kept: what was found of a period
select found from gateway.sla_deadline where period = %(period)s order by deadline;
