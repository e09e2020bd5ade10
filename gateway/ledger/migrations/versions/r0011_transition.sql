-- How an announced change takes effect: who opened its gate, the report after an emergency, the views of the old shape.
alter table gateway.notice drop constraint notice_state_check,
  add constraint notice_state_check check (state in ('draft', 'announced', 'effective', 'transition', 'closed', 'withdrawn'));

create table gateway.notice_opening (
  notice bigint primary key references gateway.notice,
  revision integer not null,
  opened_at timestamptz not null,
  opened_by text not null,
  overridden jsonb,
  why text,
  before jsonb,
  carried_at timestamptz
);

create table gateway.notice_report (
  notice bigint primary key references gateway.notice,
  reported_at timestamptz not null,
  reported_by text not null,
  words text not null,
  file_name text,
  file_hash text,
  sealed bytea
);

create table gateway.compat_view (
  place text not null,
  schema text not null,
  view text not null,
  notice bigint not null references gateway.notice,
  base text not null,
  units jsonb not null,
  writable boolean not null,
  drop_after date,
  made_at timestamptz,
  observed_since timestamptz,
  counter jsonb,
  last_used timestamptz,
  dropped_at timestamptz,
  primary key (place, schema, view)
);
