-- name: alone: first contact of two routes at once makes the place once
select pg_advisory_xact_lock(hashtextextended('gateway_delivery', 0));

-- name: remembers: whether this target already has a place for the batches it has taken
select to_regclass('gateway_delivery') is not null;

-- name: state_table: where this target remembers the batches it has taken
create table gateway_delivery (
  hub text not null, batch bigint not null, dataset text not null, inserted bigint not null default 0,
  updated bigint not null default 0, unchanged bigint not null default 0, deleted bigint not null default 0,
  taken_at timestamptz not null default clock_timestamp(), primary key (hub, batch));

-- name: plain: whether a relation is a table into which COPY stores just what it is given
select coalesce((select relkind in ('r', 'p') and not relrowsecurity and not relhastriggers and not relhasrules
                   from pg_catalog.pg_class where oid = to_regclass(%(table)s)), false);

-- name: claim_batch: take a batch once; no row when it was taken before
insert into gateway_delivery (hub, batch, dataset) values (%(hub)s, %(batch)s, %(dataset)s)
on conflict (hub, batch) do nothing returning batch;

-- name: batch_taken: what was confirmed of a batch taken before
select inserted, updated, unchanged, deleted from gateway_delivery where hub = %(hub)s and batch = %(batch)s;

-- name: note_batch: what this batch did
update gateway_delivery set inserted = %(inserted)s, updated = %(updated)s, unchanged = %(unchanged)s, deleted = %(deleted)s
 where hub = %(hub)s and batch = %(number)s;
