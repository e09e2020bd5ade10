-- Occurrences are written day by day, and so lie side by side: ranges find a day's, and cost next to nothing to keep.
drop index gateway.sla_event_by_slot;
create index sla_event_by_slot on gateway.sla_event using brin (slot) with (pages_per_range = 32);

-- A day's runs are found by when the hub confirmed them, too.
drop index gateway.sla_run_by_time;
create index sla_run_by_time on gateway.sla_run using brin (at, available_at, confirmed_at);

-- What is counted of the occurrences of one agreement from `first` to `last`: no row when there are none.
-- (`offset 0` keeps the server from judging an occurrence again wherever its verdict is named.)
create or replace function gateway.sla_counted(one bigint, first timestamptz, last timestamptz, as_of timestamptz)
returns table (expected integer, on_time integer, late integer, exempt integer, unmeasured integer, open integer, late_source integer,
               late_hub integer, late_target integer, longest_ms bigint, took bigint[], histogram bigint[])
language sql stable as $$
with judged as (
  select v.verdict, v.blame, v.kind, v.max_ms, v.histogram
    from gateway.sla_verdicts(first, last, as_of) v where v.agreement = one offset 0),
timed as (
  select verdict, blame, kind, verdict in ('on_time', 'late') as timed, max_ms, case when verdict in ('on_time', 'late') then histogram end as h
    from judged offset 0)
select count(*)::integer, count(*) filter (where verdict = 'on_time')::integer, count(*) filter (where verdict = 'late')::integer,
       count(*) filter (where verdict = 'exempt')::integer, count(*) filter (where verdict = 'unmeasured')::integer,
       count(*) filter (where verdict = 'open')::integer, count(*) filter (where blame = 'source')::integer,
       count(*) filter (where blame = 'hub')::integer, count(*) filter (where blame = 'target')::integer,
       max(max_ms) filter (where timed), array_agg(max_ms) filter (where timed and kind = 'scheduled' and max_ms is not null),
       array[coalesce(sum(h[1]), 0), coalesce(sum(h[2]), 0), coalesce(sum(h[3]), 0), coalesce(sum(h[4]), 0), coalesce(sum(h[5]), 0),
             coalesce(sum(h[6]), 0), coalesce(sum(h[7]), 0), coalesce(sum(h[8]), 0), coalesce(sum(h[9]), 0), coalesce(sum(h[10]), 0),
             coalesce(sum(h[11]), 0), coalesce(sum(h[12]), 0), coalesce(sum(h[13]), 0), coalesce(sum(h[14]), 0), coalesce(sum(h[15]), 0),
             coalesce(sum(h[16]), 0)]::bigint[]
  from timed
having count(*) > 0
$$;
