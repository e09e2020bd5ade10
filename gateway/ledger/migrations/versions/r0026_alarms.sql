-- What is wrong, from when it was seen until it is over; one of a kind is open about a subject, and each end is told once.
create table gateway.alarm (
  alarm bigint generated always as identity primary key,
  kind text not null check (kind in ('late', 'silent', 'failing', 'overrun', 'burning', 'slot', 'expiring', 'disk', 'unseen')),
  subject text not null,
  unit text not null,
  said text not null,
  hint text not null,
  since timestamptz not null,
  opened_at timestamptz not null,
  muted boolean not null,
  told_at timestamptz,
  closed_at timestamptz,
  over_told_at timestamptz
);
create unique index alarm_open on gateway.alarm (kind, subject) where closed_at is null;
create index alarm_untold on gateway.alarm (alarm) where told_at is not null and over_told_at is null;
