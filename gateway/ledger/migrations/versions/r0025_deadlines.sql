-- What was due of a deadline (办结时限) in a period and what became of it, as last looked at: pages may not read the rows themselves.
create table gateway.sla_deadline (
  period text not null,
  deadline text not null,
  as_of timestamptz not null,
  found jsonb not null,
  primary key (period, deadline)
);
