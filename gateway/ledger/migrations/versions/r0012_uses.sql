-- What each unit uses of a data set, by every source that knows it.
create table gateway.usage_profile (
  platform text not null,
  dataset text not null,
  unit text not null,
  source text not null check (source in ('mapping', 'sql', 'observed', 'declared')),
  name text not null,
  columns jsonb not null,
  unknown text not null default '',
  calls bigint,
  last_used timestamptz,
  seen_at timestamptz not null,
  primary key (platform, dataset, unit, source, name)
);

-- What became of a unit's own work when it was done on the new structure of a notice; a run has a line each.
create table gateway.rehearsal (
  notice bigint not null,
  revision integer not null,
  run integer not null,
  unit text not null,
  result text not null check (result in ('pass', 'fail', 'not_possible')),
  said text not null,
  plan text not null,
  checks jsonb not null,
  sample jsonb not null,
  began_at timestamptz not null,
  seconds numeric(9,3) not null,
  primary key (notice, revision, run, unit),
  foreign key (notice, revision) references gateway.notice_revision
);
