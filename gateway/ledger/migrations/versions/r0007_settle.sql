-- What platforms brought as deliveries of their own, which batch decided each, and when its receipt was written back.
create table gateway.brought (
  route text not null,
  delivery text not null,
  batch_id bigint not null,
  told_at timestamptz,
  primary key (route, delivery)
);
create index brought_untold on gateway.brought (route) where told_at is null;
-- When nobody had refused a delivery within the route's time, and when that turned out to be wrong.
alter table gateway.delivery add column presumed_at timestamptz, add column reopened_at timestamptz;
-- Refusals that came with the answer to a batch: those rows were never taken.
alter table gateway.verdict add column at_once boolean not null default false;
create index verdict_by_number on gateway.verdict (route, number) where not at_once;
alter table gateway.receipt drop constraint receipt_kind_check,
  add constraint receipt_kind_check check (kind in ('batch', 'epoch', 'decision', 'sheet', 'settlement'));
-- What a target noted for its next batch, such as the number of its newest file; written outside of the deciding transaction.
create table gateway.memory (
  route text primary key,
  note jsonb not null,
  noted_at timestamptz not null default clock_timestamp()
);
-- The batch in which a key came, so that a target is not told that a key is gone which it was never told. Rows that are there
-- already came before that was noted.
do $$ declare found regclass; begin
  for found in select c.oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
                 join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'gw_batch'
                where n.nspname = 'hub' and c.relkind in ('r', 'p') and not c.relispartition loop
    execute format('alter table %s add column if not exists gw_since bigint', found);
  end loop;
end $$;
-- Keys, by their hash, of which every version so far was stopped on its way out.
create table gateway.unsent (
  route text not null,
  key_hash bigint not null,
  primary key (route, key_hash)
);
