-- How each platform is spared: when the next request or row is due, all processes together, and the wait it asked for.
-- No evidence: whatever stands here is past within a day.
create table gateway.pace (
  platform text primary key,
  requests_due timestamptz,
  rows_due timestamptz,
  resting_until timestamptz,
  resting_why text
);
