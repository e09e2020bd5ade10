-- The structure that a route last ran with, of the relation that it reads or writes; `contract` is what was declared then.
create table gateway.route_structure (
  route text primary key,
  platform text not null,
  relation text not null,
  identity text not null,
  shape text not null,
  contract text not null,
  document jsonb not null,
  seen_at timestamptz not null
);

-- What a structure did that nobody announced, or not so: from its discovery to the report on it.
create table gateway.incident (
  incident bigint generated always as identity primary key,
  platform text not null,
  route text,
  kind text not null check (kind in ('unannounced', 'effective')),
  notice bigint references gateway.notice,
  hold bigint references gateway.hold,
  diff jsonb not null,
  state text not null default 'open' check (state in ('open', 'resumed', 'closed')),
  how text check (how in ('reverted', 'mapped', 'announced', 'approved', 'released', 'decided')),
  opened_at timestamptz not null,
  resumed_at timestamptz,
  resumed_batch bigint,
  closed_at timestamptz,
  closed_by text,
  why text,
  check (state <> 'closed' or (closed_at is not null and closed_by is not null and why is not null))
);
create unique index incident_of_a_hold on gateway.incident (hold) where hold is not null;
create unique index incident_of_a_notice on gateway.incident (notice) where kind = 'effective' and state <> 'closed';

-- What the day of effect found: one line a notice, revision and look.
create table gateway.effective_check (
  notice bigint not null,
  revision integer not null,
  stage text not null check (stage in ('begin', 'quarter', 'hour', 'end')),
  found text not null check (found in ('announced', 'old', 'other', 'unknown')),
  shape text,
  diff jsonb not null,
  checked_at timestamptz not null,
  primary key (notice, revision, stage),
  foreign key (notice, revision) references gateway.notice_revision
);
