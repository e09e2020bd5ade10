-- name: state_table: where this target remembers the batches it has taken
create table if not exists gateway_delivery (
  batch_id bigint primary key, dataset text not null, written bigint not null, deleted bigint not null,
  taken_at timestamptz not null default clock_timestamp());

-- name: claim_batch: take a batch once; no row when it was taken before
insert into gateway_delivery (batch_id, dataset, written, deleted) values (%(batch)s, %(dataset)s, 0, 0)
on conflict (batch_id) do nothing returning batch_id;

-- name: batch_taken: what was confirmed of a batch taken before
select written, deleted from gateway_delivery where batch_id = %(batch)s;

-- name: note_batch: what this batch did
update gateway_delivery set written = %(written)s, deleted = %(deleted)s where batch_id = %(batch)s;
