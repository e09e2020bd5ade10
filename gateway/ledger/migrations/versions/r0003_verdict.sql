-- What targets said of rows after they had taken them. The words a person reads stand in quarantine; here is which verdict
-- was already heard, and what became of it.
create table gateway.verdict (
  route text not null,
  verdict text not null,
  number bigint,
  error text not null,
  state text not null check (state in ('entered', 'overtaken', 'unknown')),
  judged_at timestamptz not null,
  batch_id bigint not null,
  heard_at timestamptz not null default clock_timestamp(),
  primary key (route, verdict)
);
create index verdict_newest on gateway.verdict (route, judged_at);
-- A delivery of one row that a person sends again, and whether the target was seen to hold all of a delivery.
alter table gateway.delivery add column decision jsonb, add column read_back_at timestamptz,
  add column counted bigint;
-- What the peer wrote beside its refusal, long numbers masked.
alter table gateway.quarantine add column words text;
