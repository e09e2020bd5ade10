-- The desk asks for rows that nobody decided on yet, by route, rule or owner, newest first.
create index quarantine_open_by_route on gateway.quarantine (route, id desc) where state in ('open', 'waiting');
create index quarantine_open_by_rule on gateway.quarantine (rule, id desc) where state in ('open', 'waiting');
create index quarantine_open_by_owner on gateway.quarantine (owner, id desc) where state in ('open', 'waiting');

-- What somebody did stands among many more receipts of batches; quotes inside a text are escaped, so that none looks like a name.
create index receipt_of_acts on gateway.receipt (no desc) where body like '%"who":"%' or body like '%"what":"answer"%';

-- A program that watches the gateway brings a token of its own.
alter table gateway.unit_token drop constraint unit_token_purpose_check,
  add constraint unit_token_purpose_check check (purpose in ('feed', 'api', 'metrics'));
