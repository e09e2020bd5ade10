-- What platforms told by themselves and no run has entered yet, and the nonces of their calls while those are fresh.
create table gateway.callback (
  platform text not null,
  dataset text not null,
  verdict text not null,
  number bigint,
  error text not null,
  words text not null,
  judged_at timestamptz not null,
  left_at timestamptz,
  key jsonb not null,
  told_at timestamptz not null default clock_timestamp(),
  primary key (platform, dataset, verdict)
);
create table gateway.callback_nonce (
  platform text not null,
  nonce text not null,
  expires_at timestamptz not null,
  primary key (platform, nonce)
);
create index callback_nonce_expires on gateway.callback_nonce (expires_at);
