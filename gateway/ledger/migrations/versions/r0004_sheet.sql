-- The daily sheet of a route is a record of the chain; here is which one is the newest of a day.
alter table gateway.receipt drop constraint receipt_kind_check,
  add constraint receipt_kind_check check (kind in ('batch', 'epoch', 'decision', 'sheet'));
create table gateway.sheet (
  route text not null,
  day date not null,
  revision integer not null,
  receipt_no bigint not null unique references gateway.receipt (no),
  primary key (route, day, revision)
);
create index receipt_made on gateway.receipt (route, made_at) where kind = 'batch';
