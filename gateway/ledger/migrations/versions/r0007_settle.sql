-- What platforms brought as deliveries of their own, which batch decided each, and when its receipt was written back.
create table gateway.brought (
  route text not null,
  delivery text not null,
  batch_id bigint not null,
  told_at timestamptz,
  primary key (route, delivery)
);
create index brought_untold on gateway.brought (route) where told_at is null;
