-- What a route promises, as the catalog had it at a time; a change ends a version and begins the next.
create table gateway.agreement (
  agreement bigint generated always as identity primary key,
  route text not null,
  dataset text not null,
  unit text not null,
  outbound boolean not null,
  kind text not null check (kind in ('scheduled', 'real_time')),
  schedule text not null,
  days text not null check (days in ('all', 'workdays')),
  source_s integer not null,
  hub_s integer not null,
  target_s integer not null,
  target_bp integer not null check (target_bp between 0 and 10000),
  valid_from timestamptz not null,
  valid_to timestamptz
);
create unique index agreement_in_force on gateway.agreement (route) where valid_to is null;

-- A batch receipt as the occurrences ask for it: made of the chain alone, so that a body is read once.
create table gateway.sla_run (
  receipt bigint primary key,
  route text not null,
  dataset text not null,
  outbound boolean not null,
  run text not null,
  batch bigint not null,
  upto bigint,
  at timestamptz not null,
  available_at timestamptz,
  handed_at timestamptz not null,
  confirmed_at timestamptz not null,
  read bigint not null,
  rejected bigint not null,
  rows bigint not null
);
create index sla_run_by_route on gateway.sla_run (route, at);
create index sla_run_available on gateway.sla_run (route, available_at) where available_at is not null;
create index sla_run_carrying on gateway.sla_run (dataset, confirmed_at) where not outbound;
create index sla_run_upto on gateway.sla_run (route, upto) where outbound;
create index batch_by_opening on gateway.batch (route, opened_at);

-- One expected delivery, made of the calendar before it is due.
create table gateway.sla_event (
  agreement bigint not null references gateway.agreement,
  slot timestamptz not null,
  until timestamptz not null,
  source_due timestamptz not null,
  due timestamptz not null,
  absent_until timestamptz,
  seen_at timestamptz,
  handed_at timestamptz,
  confirmed_at timestamptz,
  measured boolean not null default false,
  receipt bigint,
  failed_batch bigint,
  rows bigint not null default 0,
  n integer not null default 0,
  max_ms bigint,
  histogram integer[],
  final boolean not null default false,
  primary key (agreement, slot)
);
create index sla_event_by_slot on gateway.sla_event (slot);

-- An exemption (免考核) or a dispute (申诉); it is joined when figures are read and never touches an occurrence.
create table gateway.docket (
  no text primary key,
  kind text not null check (kind in ('exempt', 'dispute')),
  unit text not null,
  reason text not null check (reason in ('maintenance', 'third_party', 'disaster', 'own_fault', 'verdict', 'blame')),
  words text not null,
  effect text not null check (effect in ('exempt', 'source', 'hub', 'target')),
  filed_by text not null,
  filed_at timestamptz not null,
  ruling text check (ruling in ('granted', 'refused')),
  ruled_by text,
  ruled_at timestamptz,
  ruling_words text,
  withdrawn_by text,
  withdrawn_at timestamptz,
  withdrawn_why text
);
create table gateway.docket_event (
  no text not null references gateway.docket,
  route text not null,
  slot timestamptz not null,
  primary key (no, route, slot)
);
create index docket_event_by_slot on gateway.docket_event (slot, route);

-- Verdict and blame of each occurrence from `begins` to `ends`, as known at `as_of`; doubt is the gateway's.
create function gateway.sla_verdicts(begins timestamptz, ends timestamptz, as_of timestamptz)
returns table (agreement bigint, slot timestamptz, until timestamptz, source_due timestamptz, due timestamptz,
               absent_until timestamptz, seen_at timestamptz, handed_at timestamptz, confirmed_at timestamptz,
               measured boolean, receipt bigint, failed_batch bigint, rows bigint, n integer, max_ms bigint,
               histogram integer[], route text, dataset text, unit text, outbound boolean, kind text, hub_s integer,
               target_s integer, target_bp integer, docket text, effect text, verdict text, blame text)
language sql stable as $$
select e.agreement, e.slot, e.until, e.source_due, e.due, e.absent_until, e.seen_at, e.handed_at, e.confirmed_at, e.measured,
       e.receipt, e.failed_batch, e.rows, e.n, e.max_ms, e.histogram, a.route, a.dataset, a.unit, a.outbound, a.kind, a.hub_s,
       a.target_s, a.target_bp, d.no, d.effect, v.verdict,
       case when v.verdict <> 'late' then null
            when d.effect in ('source', 'hub', 'target') then d.effect
            when e.absent_until > e.source_due then 'source'
            when coalesce(e.handed_at, as_of) - greatest(e.seen_at, e.source_due) > make_interval(secs => a.hub_s) then 'hub'
            when coalesce(e.confirmed_at, as_of) - e.handed_at > make_interval(secs => a.target_s) then 'target'
            else 'hub' end
  from gateway.sla_event e
  join gateway.agreement a using (agreement)
  left join (
    select distinct on (o.route, o.slot) o.route, o.slot, k.no, k.effect
      from gateway.docket k join gateway.docket_event o using (no)
     where o.slot >= begins and o.slot < ends and k.ruling = 'granted' and k.ruled_at <= as_of
       and (k.withdrawn_at is null or k.withdrawn_at > as_of)
     order by o.route, o.slot, k.effect = 'exempt' desc, k.ruled_at desc) d on (d.route, d.slot) = (a.route, e.slot)
  cross join lateral (select case
    when d.effect = 'exempt' then 'exempt'
    when e.due > as_of and e.confirmed_at is null then 'open'
    when not e.measured then 'unmeasured'
    when e.confirmed_at <= e.due then 'on_time'
    else 'late' end as verdict) v
 where e.slot >= begins and e.slot < ends
$$;

-- A circular (通报) of a period. What was frozen is corrected in the next issue and never changed.
create table gateway.issue (
  period text primary key,
  state text not null check (state in ('draft', 'reviewed', 'frozen', 'published')),
  issue_no integer,
  figures jsonb not null,
  evidence_root text,
  evidence_count bigint,
  drafted_at timestamptz not null,
  reviewed_by text,
  reviewed_at timestamptz,
  frozen_at timestamptz,
  published_by text,
  published_at timestamptz,
  document_hash text
);
create function gateway.issue_guard() returns trigger language plpgsql as $$
begin
  if tg_op = 'TRUNCATE' then
    raise exception 'issues are evidence: they are not removed';
  end if;
  if old.state in ('frozen', 'published') and (tg_op = 'DELETE' or new.state not in ('frozen', 'published')
     or (old.state = 'published' and new is distinct from old)
     or (new.period, new.issue_no, new.figures, new.evidence_root, new.evidence_count, new.frozen_at)
        is distinct from (old.period, old.issue_no, old.figures, old.evidence_root, old.evidence_count, old.frozen_at)) then
    raise exception 'issue % is frozen: put the correction into the next issue', old.period;
  end if;
  return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger issue_guard before update or delete on gateway.issue for each row execute function gateway.issue_guard();
create trigger issue_is_not_truncated before truncate on gateway.issue for each statement execute function gateway.issue_guard();

-- The chain holds what figures were made of too, whatever else it holds by now.
do $$
declare known text;
begin
  select pg_get_expr(conbin, conrelid) into known from pg_constraint
   where conrelid = 'gateway.receipt'::regclass and conname = 'receipt_kind_check';
  execute format('alter table gateway.receipt drop constraint receipt_kind_check, '
                 'add constraint receipt_kind_check check (kind = ''sla'' or %s)', known);
end $$;
