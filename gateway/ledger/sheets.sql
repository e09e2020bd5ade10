-- name: carried: what the receipts of a route say of a span of time
select count(*) as batches, min(no) as first_receipt, max(no) as last_receipt,
       coalesce(sum((b ->> 'read')::bigint), 0)::bigint as read, coalesce(sum((b ->> 'inserted')::bigint), 0)::bigint as inserted,
       coalesce(sum((b ->> 'updated')::bigint), 0)::bigint as updated, coalesce(sum((b ->> 'deleted')::bigint), 0)::bigint as deleted,
       coalesce(sum((b ->> 'unchanged')::bigint), 0)::bigint as unchanged,
       coalesce(sum((b ->> 'rejected')::bigint), 0)::bigint as rejected
  from (select no, body::jsonb as b from gateway.receipt
         where kind = 'batch' and route = %(route)s and made_at >= %(from)s and made_at < %(to)s) receipts;

-- name: compared: the comparisons of a route in a span of time, in order, the failed ones too
select at, passed, method, source_rows, hub_rows, missing, extra, different, pending, quarantined
  from gateway.reconciliation where route = %(route)s and at >= %(from)s and at < %(to)s order by id;

-- name: returned: refusals, after they had been taken, of rows of the deliveries of a span of time; two of one row are two
select count(*) as returned from gateway.verdict v join gateway.delivery d on d.number = v.number and d.route = v.route
 where v.route = %(route)s and v.state = 'entered' and d.left_at >= %(from)s and d.left_at < %(to)s;

-- name: waiting: what is in quarantine of a route
select count(*) filter (where state = 'open') as open, count(*) filter (where state = 'waiting') as waiting
  from gateway.quarantine where route = %(route)s and state in ('open', 'waiting');

-- name: verified: up to where a route is proven
select verified_through from gateway.route_state where route = %(route)s;

-- name: alone: one signs sheets at a time
select pg_advisory_xact_lock(hashtextextended('gateway.sheet', 0));

-- name: newest: the newest revision of a route's sheet of a day
select s.revision, r.body from gateway.sheet s join gateway.receipt r on r.no = s.receipt_no
 where s.route = %(route)s and s.day = %(day)s order by s.revision desc limit 1;

-- name: add: a revision of a sheet
insert into gateway.sheet (route, day, revision, receipt_no) values (%(route)s, %(day)s, %(revision)s, %(receipt)s);

-- name: reopened: days with a sheet on whose deliveries the target said more since, or nothing in time
select distinct s.route, s.day from gateway.sheet s join gateway.receipt r on r.no = s.receipt_no
  join gateway.delivery d on d.route = s.route and (d.left_at at time zone 'Asia/Shanghai')::date = s.day
 where s.day < %(day)s
   and (d.presumed_at > r.made_at or d.reopened_at > r.made_at or exists (select from gateway.verdict v
         where v.route = d.route and v.number = d.number and v.heard_at > r.made_at and v.state = 'entered'))
   and s.revision = (select max(revision) from gateway.sheet n where n.route = s.route and n.day = s.day) order by 1, 2;

-- name: missing: days before one that have no sheet, since a route carried its first batch, a month at most
select b.route, d::date
  from (select s.route, (select min(r.made_at) from gateway.receipt r where r.kind = 'batch' and r.route = s.route) as first
          from gateway.route_state s) b
 cross join lateral generate_series(greatest((b.first at time zone 'Asia/Shanghai')::date, %(day)s::date - 31),
                                    %(day)s::date - 1, interval '1 day') d
 where b.first is not null and not exists (select from gateway.sheet s where s.route = b.route and s.day = d::date)
 order by 2, 1;

-- name: list: sheets, newest first, in their newest revision
select s.route, s.day, s.revision, s.receipt_no, r.made_at, r.body
  from gateway.sheet s join gateway.receipt r on r.no = s.receipt_no
 where (%(route)s::text is null or s.route = %(route)s) and (%(day)s::date is null or s.day = %(day)s)
   and s.revision = (select max(revision) from gateway.sheet n where n.route = s.route and n.day = s.day)
 order by s.day desc, s.route limit %(limit)s;
