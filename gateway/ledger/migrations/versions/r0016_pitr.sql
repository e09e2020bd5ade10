-- A dump is logical, a copy of a server's files physical; of the latter, whose it is and the first segment of WAL it needs.
alter table gateway.backup add column kind text not null default 'logical', add column system text, add column first_segment text;

-- WAL as it is stored in every repository of a plan: with a proven base before it, nothing up to `through` can be lost.
create table gateway.wal (
  plan text not null,
  system text not null,
  segment text not null,
  through timestamptz,
  stored_at timestamptz not null,
  bytes bigint not null,
  primary key (plan, system, segment)
);
create index wal_by_time on gateway.wal (plan, stored_at);
