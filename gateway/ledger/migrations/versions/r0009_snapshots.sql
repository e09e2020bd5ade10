-- How platforms looked: a version each time something was different, with what that was.
create table gateway.schema_snapshot (
  platform text not null,
  version integer not null,
  kind text not null,
  identity text not null,
  shape text not null,
  level text not null check (level in ('none', 'info', 'warn', 'breaking')),
  changes jsonb not null,
  document jsonb not null,
  taken_at timestamptz not null,
  primary key (platform, version)
);
