-- A report over ten million batches has no time to read their bodies: each receipt tells its times as it is written.
create index sla_run_by_time on gateway.sla_run using brin (at, available_at);
-- Which delivery carried a batch is asked for each batch: the index answers by itself.
drop index gateway.sla_run_upto;
create index sla_run_upto on gateway.sla_run (route, upto, receipt) include (handed_at, confirmed_at) where outbound;
create index sla_run_by_batch on gateway.sla_run (dataset, batch) where not outbound;

-- What each route carried on each day in China.
create table gateway.sla_carried (
  route text not null,
  day date not null,
  batches bigint not null,
  read bigint not null,
  rejected bigint not null,
  primary key (route, day)
) with (fillfactor = 50);

create function gateway.china_day(moment timestamptz) returns date language sql immutable parallel safe as
$$ select (moment at time zone 'Asia/Shanghai')::date $$;

-- A row was not there before the probe that missed it.
create function gateway.note_run() returns trigger language plpgsql as $$
declare
  b constant jsonb := new.body::jsonb;
  began constant timestamptz := coalesce((b#>>'{probe,at}')::timestamptz, (b#>>'{clocks,received}')::timestamptz);
begin
  insert into gateway.sla_run (receipt, route, dataset, outbound, run, batch, upto, at, available_at, handed_at, confirmed_at, read, rejected, rows)
  values (new.no, b->>'route', b->>'dataset', b->>'from' = 'hub', b->>'run', (b->>'batch')::bigint, (b#>>'{delivery,upto}')::bigint, began,
          case when b->>'run' = 'delta' and (b#>>'{content,rows}')::bigint > 0
               then greatest((b#>>'{clocks,oldest}')::timestamptz, (b#>>'{probe,absent_until}')::timestamptz) end,
          case when b->>'from' = 'hub' then (b#>>'{clocks,received}')::timestamptz else (b#>>'{clocks,confirmed}')::timestamptz end,
          (b#>>'{clocks,confirmed}')::timestamptz, (b->>'read')::bigint, (b->>'rejected')::bigint,
          (b#>>'{content,rows}')::bigint + (b->>'deleted')::bigint)
  on conflict do nothing;
  if found then
    insert into gateway.sla_carried as c values (b->>'route', gateway.china_day(began), 1, (b->>'read')::bigint, (b->>'rejected')::bigint)
    on conflict (route, day) do update
      set batches = c.batches + 1, read = c.read + excluded.read, rejected = c.rejected + excluded.rejected;
  end if;
  return null;
end $$;
create trigger note_run after insert on gateway.receipt for each row
  when (new.kind = 'batch' and new.body::jsonb ->> 'run' <> 'replay') execute function gateway.note_run();

-- What was written before: the runs already known are counted, the others told as if they were written now.
insert into gateway.sla_carried
select route, gateway.china_day(at), count(*), sum(read), sum(rejected) from gateway.sla_run group by 1, 2;
with new as (select r.no, r.body::jsonb as b from gateway.receipt r
              where r.kind = 'batch' and r.body::jsonb ->> 'run' <> 'replay' and not exists (select from gateway.sla_run s where s.receipt = r.no)),
told as (
  insert into gateway.sla_run (receipt, route, dataset, outbound, run, batch, upto, at, available_at, handed_at, confirmed_at, read, rejected, rows)
  select no, b->>'route', b->>'dataset', b->>'from' = 'hub', b->>'run', (b->>'batch')::bigint, (b#>>'{delivery,upto}')::bigint,
         coalesce((b#>>'{probe,at}')::timestamptz, (b#>>'{clocks,received}')::timestamptz),
         case when b->>'run' = 'delta' and (b#>>'{content,rows}')::bigint > 0
              then greatest((b#>>'{clocks,oldest}')::timestamptz, (b#>>'{probe,absent_until}')::timestamptz) end,
         case when b->>'from' = 'hub' then (b#>>'{clocks,received}')::timestamptz else (b#>>'{clocks,confirmed}')::timestamptz end,
         (b#>>'{clocks,confirmed}')::timestamptz, (b->>'read')::bigint, (b->>'rejected')::bigint,
         (b#>>'{content,rows}')::bigint + (b->>'deleted')::bigint
    from new returning route, at, read, rejected)
insert into gateway.sla_carried as c
select route, gateway.china_day(at), count(*), sum(read), sum(rejected) from told group by 1, 2
on conflict (route, day) do update
  set batches = c.batches + excluded.batches, read = c.read + excluded.read, rejected = c.rejected + excluded.rejected;

-- The occurrences of a promise on one day in China, counted when none of them can change any more. A docket is joined when
-- figures are read: a day that has one is counted from its occurrences.
create table gateway.sla_tally (
  agreement bigint not null references gateway.agreement,
  day date not null,
  expected integer not null,
  on_time integer not null,
  late integer not null,
  exempt integer not null,
  unmeasured integer not null,
  open integer not null,
  late_source integer not null,
  late_hub integer not null,
  late_target integer not null,
  longest_ms bigint,
  took bigint[],
  histogram bigint[] not null,
  primary key (agreement, day)
);

-- Occurrences come from agreements alone, which are never removed: to look each of millions up again costs more than all else.
alter table gateway.sla_event drop constraint sla_event_agreement_fkey;

-- What is counted of the occurrences of one agreement from `first` to `last`: no row when there are none.
create function gateway.sla_counted(one bigint, first timestamptz, last timestamptz, as_of timestamptz)
returns table (expected integer, on_time integer, late integer, exempt integer, unmeasured integer, open integer, late_source integer,
               late_hub integer, late_target integer, longest_ms bigint, took bigint[], histogram bigint[])
language sql stable as $$
select count(*)::integer, count(*) filter (where verdict = 'on_time')::integer, count(*) filter (where verdict = 'late')::integer,
       count(*) filter (where verdict = 'exempt')::integer, count(*) filter (where verdict = 'unmeasured')::integer,
       count(*) filter (where verdict = 'open')::integer, count(*) filter (where blame = 'source')::integer,
       count(*) filter (where blame = 'hub')::integer, count(*) filter (where blame = 'target')::integer,
       max(max_ms) filter (where timed), array_agg(max_ms) filter (where timed and kind = 'scheduled' and max_ms is not null),
       array[coalesce(sum(h[1]), 0), coalesce(sum(h[2]), 0), coalesce(sum(h[3]), 0), coalesce(sum(h[4]), 0), coalesce(sum(h[5]), 0),
             coalesce(sum(h[6]), 0), coalesce(sum(h[7]), 0), coalesce(sum(h[8]), 0), coalesce(sum(h[9]), 0), coalesce(sum(h[10]), 0),
             coalesce(sum(h[11]), 0), coalesce(sum(h[12]), 0), coalesce(sum(h[13]), 0), coalesce(sum(h[14]), 0), coalesce(sum(h[15]), 0),
             coalesce(sum(h[16]), 0)]::bigint[]
  from gateway.sla_verdicts(first, last, as_of) v
 cross join lateral (select v.verdict in ('on_time', 'late') as timed) j
 cross join lateral (select case when timed then v.histogram end as h) taken
 where v.agreement = one
having count(*) > 0
$$;
