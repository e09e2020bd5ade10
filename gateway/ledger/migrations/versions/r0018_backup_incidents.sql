-- What is wrong with a plan's backups: one of a kind is open at a time, and is told once.
create table gateway.backup_incident (
  incident bigint generated always as identity primary key,
  plan text not null,
  unit text not null,
  kind text not null check (kind in ('run failed', 'run missed', 'drill failed', 'drill missed', 'unproven')),
  repository text not null default '',
  said text not null,
  opened_at timestamptz not null,
  closed_at timestamptz
);
create unique index backup_incident_open on gateway.backup_incident (plan, kind, repository) where closed_at is null;

-- When a plan was first seen: before that nothing of it could be missed.
create table gateway.backup_plan (
  plan text primary key,
  seen_at timestamptz not null
);
