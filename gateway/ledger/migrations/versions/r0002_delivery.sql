-- What left the hub. A delivery is noted before it leaves and confirmed in the transaction that moves the route's state;
-- one that was never confirmed is sent again under its number.
create table gateway.delivery (
  number bigint primary key,
  route text not null,
  after_batch bigint not null,
  upto_batch bigint not null,
  rows bigint not null,
  gone bigint not null,
  stopped bigint not null,
  hash_sum numeric not null,
  left_at timestamptz not null default clock_timestamp(),
  confirmed_at timestamptz
);
-- A row may be stopped on its way to several platforms.
drop index gateway.quarantine_live;
create unique index quarantine_live on gateway.quarantine (dataset, source, row_hash, route)
 where state in ('open', 'waiting');
create unique index delivery_under_way on gateway.delivery (route) where confirmed_at is null;
create index delivery_by_route on gateway.delivery (route, upto_batch);
