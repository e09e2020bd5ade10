-- name: stage: where the calendar is read into
create temp table staged_workday (day date, is_work boolean, basis text, note text) on commit drop;

-- name: take: days that changed are replaced; days that left the calendar stay as they were
insert into gateway.workday select day, is_work, basis, note from staged_workday
on conflict (day) do update set is_work = excluded.is_work, basis = excluded.basis, note = excluded.note
 where (workday.is_work, workday.basis, workday.note) is distinct from (excluded.is_work, excluded.basis, excluded.note);

-- name: drop_stage: the staging table goes at once, so that a caller may load twice in one transaction
drop table staged_workday;
