-- Backups as they stand; their history is in the chain. Kept for the report: restores read the repositories alone.
create table gateway.backup (
  backup text primary key,
  no bigint generated always as identity,
  plan text not null,
  unit text not null,
  state text not null check (state in ('running', 'failed', 'stored')),
  started_at timestamptz not null,
  finished_at timestamptz,
  snapshot_at timestamptz,
  bytes bigint,
  rows bigint,
  manifest text,
  error text
);
create index backup_by_plan on gateway.backup (plan, started_at);

-- A copy of a backup in one repository: proven by a drill of its own.
create table gateway.backup_copy (
  backup text not null references gateway.backup,
  repository text not null,
  state text not null check (state in ('stored', 'proven', 'suspect', 'deleted')),
  stored_at timestamptz not null,
  proven_at timestamptz,
  expiring_at timestamptz,
  deleted_at timestamptz,
  deleted_why text,
  primary key (backup, repository)
);

create table gateway.drill (
  drill bigint generated always as identity primary key,
  backup text not null,
  repository text not null,
  plan text not null,
  began_at timestamptz not null,
  passed boolean not null,
  rto_ms bigint not null,
  phases jsonb not null,
  faults jsonb not null,
  remarks jsonb not null,
  receipt_no bigint not null
);
create index drill_by_plan on gateway.drill (plan, began_at);

-- The chain holds records of backups too, whatever else it holds by now.
do $$
declare known text;
begin
  select pg_get_expr(conbin, conrelid) into known from pg_constraint
   where conrelid = 'gateway.receipt'::regclass and conname = 'receipt_kind_check';
  execute format('alter table gateway.receipt drop constraint receipt_kind_check, '
                 'add constraint receipt_kind_check check (kind = ''backup'' or %s)', known);
end $$;
