-- The ledger of the gateway. Data sets live in schema hub, unfinished work in landing, evidence in gateway.
create schema if not exists hub;
create schema if not exists landing;

-- Where a hub's history begins or forks: batch numbers of epoch e start at e * 10^9, so that a hub restored to an
-- older point never repeats one.
create table gateway.epoch (
  epoch integer primary key,
  identity text not null,
  reason text not null,
  started_at timestamptz not null default clock_timestamp()
);
create sequence gateway.batch_no;

create table gateway.route_state (
  route text primary key,
  dataset text not null,
  source text not null,
  attempt bigint not null default 0,
  batch_id bigint,
  watermark timestamptz,
  source_identity text,
  loaded boolean not null default false,
  resync text,
  probed_at timestamptz,
  verified_through timestamptz,
  verified_remark text,
  paused_by text,
  paused_why text,
  updated_at timestamptz not null default clock_timestamp()
);
comment on column gateway.route_state.resync is 'why the next run compares the whole data set instead of reading a window';

create table gateway.batch (
  batch_id bigint primary key,
  route text not null,
  dataset text not null,
  source text not null,
  kind text not null,
  attempt bigint not null,
  run_id text not null default '',
  state text not null default 'open' check (state in ('open', 'committed', 'aborted')),
  stage text not null default 'open',
  xid text,
  opened_at timestamptz not null default clock_timestamp(),
  closed_at timestamptz,
  counts jsonb not null default '{}',
  stages jsonb not null default '{}',
  error_code text,
  error_text text
);
create index batch_by_route on gateway.batch (route, batch_id);

-- The chain. `body` is canonical JSON (RFC 8785), `hash` = SHA-256(prev hash || body).
create table gateway.receipt (
  no bigint primary key,
  kind text not null check (kind in ('batch', 'epoch', 'decision')),
  batch_id bigint unique,
  route text,
  prev text not null,
  body text not null,
  hash text not null unique,
  signature text not null,
  key_id text not null,
  made_at timestamptz not null default clock_timestamp()
);
create index receipt_by_route on gateway.receipt (route, no);
create table gateway.chain_head (
  one boolean primary key default true check (one),
  no bigint not null,
  hash text not null,
  signature text not null,
  key_id text not null
);
create function gateway.refuse_change() returns trigger language plpgsql as
$$ begin raise exception 'receipts are evidence: they are neither changed nor removed'; end $$;
create trigger receipt_is_evidence before update or delete on gateway.receipt
  for each row execute function gateway.refuse_change();
create trigger receipt_is_not_truncated before truncate on gateway.receipt
  for each statement execute function gateway.refuse_change();

create table gateway.quarantine (
  id bigint generated always as identity primary key,
  dataset text not null,
  source text not null,
  route text not null,
  batch_id bigint not null,
  rule text not null,
  state text not null default 'open' check (state in ('open', 'waiting', 'replayed', 'corrected', 'superseded', 'gone',
                                                       'discarded')),
  owner text not null,
  row_hash bigint not null,
  masked jsonb not null,
  sealed bytea not null,
  entered_at timestamptz not null default clock_timestamp(),
  wait_until timestamptz,
  closed_at timestamptz,
  closed_by text,
  closed_why text,
  closed_batch bigint
);
comment on column gateway.quarantine.sealed is 'the original row, encrypted by the gateway before it is stored';
create unique index quarantine_live on gateway.quarantine (dataset, source, row_hash) where state in ('open', 'waiting');
create index quarantine_decided on gateway.quarantine (dataset, source, row_hash) where state in ('corrected', 'discarded');
create index quarantine_by_state on gateway.quarantine (state, dataset, id);

-- What a repair normalised, so that the original of a changed value is not lost.
create table gateway.repair (
  batch_id bigint not null,
  dataset text not null,
  key jsonb not null,
  field text not null,
  original text not null
);
create index repair_by_batch on gateway.repair (batch_id);

create table gateway.hold (
  id bigint generated always as identity primary key,
  route text not null,
  kind text not null check (kind in ('mass_delete', 'empty_read')),
  facts jsonb not null,
  state text not null default 'open' check (state in ('open', 'approved', 'used', 'released')),
  raised_at timestamptz not null default clock_timestamp(),
  decided_at timestamptz,
  decided_by text,
  why text
);
create unique index hold_open on gateway.hold (route) where state in ('open', 'approved');

create table gateway.reconciliation (
  id bigint generated always as identity primary key,
  route text not null,
  batch_id bigint,
  at timestamptz not null default clock_timestamp(),
  passed boolean not null,
  through timestamptz,
  source_rows bigint not null,
  hub_rows bigint not null,
  missing bigint not null,
  extra bigint not null,
  different bigint not null,
  pending bigint not null,
  quarantined bigint not null,
  method text not null,
  remark text
);
create index reconciliation_by_route on gateway.reconciliation (route, id);

create table gateway.workday (
  day date primary key,
  is_work boolean not null,
  basis text not null check (basis in ('official', 'override', 'provisional')),
  note text not null default ''
);
create function gateway.add_workdays(d date, n integer) returns date language sql stable as
$$ select day from gateway.workday where is_work and day > d order by day offset n - 1 limit 1 $$;
create function gateway.workdays_between(a date, b date) returns integer language sql stable as
$$ select count(*)::integer from gateway.workday where is_work and day > a and day <= b $$;

create table gateway.code (
  list text not null,
  code text not null,
  name text not null,
  valid_from date not null,
  valid_to date,
  replaced_by text,
  kind text not null default '',
  source text not null default '',
  primary key (list, code, valid_from)
);
