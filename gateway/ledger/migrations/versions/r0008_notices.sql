-- Who answers for a unit, what is announced to it, what it answered, and what was sent to tell it.
create table gateway.contact (
  contact bigint generated always as identity primary key,
  unit text not null,
  name text not null,
  title text not null default '',
  channel text not null check (channel in ('mail', 'wecom', 'webhook', 'sms')),
  address text not null,
  leader boolean not null default false,
  since timestamptz not null default clock_timestamp(),
  until timestamptz
);
create unique index contact_current on gateway.contact (unit, channel, address) where until is null;

create table gateway.notice (
  notice bigint generated always as identity primary key,
  number text unique,
  platform text not null,
  dataset text not null,
  publisher text not null,
  origin text not null,
  state text not null default 'draft'
    check (state in ('draft', 'announced', 'effective', 'closed', 'withdrawn')),
  revision integer not null default 0,
  created_at timestamptz not null default clock_timestamp()
);
create unique index notice_of_one_change on gateway.notice (origin) where state <> 'withdrawn';

create table gateway.notice_revision (
  notice bigint not null references gateway.notice,
  revision integer not null,
  class text not null check (class in ('major', 'normal', 'compatible', 'emergency')),
  effective_on date not null,
  transition_until date,
  announced_at timestamptz,
  answers_due date,
  basis text not null check (basis in ('official', 'override', 'provisional')),
  body jsonb not null,
  primary key (notice, revision)
);

create table gateway.notice_recipient (
  notice bigint not null,
  revision integer not null,
  unit text not null,
  impact text not null check (impact in ('none', 'info', 'warn', 'breaking')),
  uses jsonb not null,
  answer text check (answer in ('no_impact', 'adapted', 'needs_time', 'objects')),
  answer_until date,
  remark text,
  answered_by text,
  answered_title text,
  answered_at timestamptz,
  escalated_at timestamptz,
  token_hash bytea unique,
  token_expires timestamptz,
  primary key (notice, revision, unit),
  foreign key (notice, revision) references gateway.notice_revision
);

-- What is to be sent, in the transaction that decided it; a purpose reaches a contact once.
create table gateway.outbox (
  message bigint generated always as identity primary key,
  topic text not null,
  contact bigint not null references gateway.contact,
  purpose text not null,
  sealed bytea not null,
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'dead')),
  attempts integer not null default 0,
  next_try timestamptz not null default clock_timestamp(),
  queued_at timestamptz not null default clock_timestamp(),
  unique (topic, contact, purpose)
);
create index outbox_waiting on gateway.outbox (next_try) where state = 'waiting';

-- Every try and what the other side said: the record of delivery.
create table gateway.outbox_try (
  message bigint not null references gateway.outbox,
  attempt integer not null,
  tried_at timestamptz not null default clock_timestamp(),
  sent boolean not null,
  answer text not null,
  answer_hash text,
  primary key (message, attempt)
);

alter table gateway.receipt drop constraint receipt_kind_check,
  add constraint receipt_kind_check check (kind in ('batch', 'epoch', 'decision', 'sheet', 'settlement', 'notice'));

alter table gateway.hold drop constraint hold_kind_check,
  add constraint hold_kind_check check (kind in ('mass_delete', 'empty_read', 'structure'));
