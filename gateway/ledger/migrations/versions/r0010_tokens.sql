-- A secret that stands for a unit where its programs come without a login; the ledger has its hash alone.
create table gateway.unit_token (
  token bigint generated always as identity primary key,
  token_hash bytea not null unique,
  unit text not null,
  purpose text not null check (purpose in ('feed', 'api')),
  made_at timestamptz not null,
  made_by text not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  last_used timestamptz
);
