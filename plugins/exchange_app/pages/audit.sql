-- name: acts: what somebody did, newest first below a number, each with the hash of the entry before it
select r.no, r.kind, r.route, r.prev, r.body, r.hash, r.signature, r.key_id, r.made_at, b.hash as before
  from gateway.receipt r left join gateway.receipt b on b.no = r.no - 1
 where (r.body like '%%"who":"%%' or r.body like '%%"what":"answer"%%')
   and (%(below)s::bigint is null or r.no < %(below)s)
   and (%(who)s::text is null or position('"who":' || to_json(%(who)s::text) in r.body) > 0
        or position('"unit":' || to_json(%(who)s::text) in r.body) > 0)
   and (%(what)s::text is null or position('"what":' || to_json(%(what)s::text) in r.body) > 0
        or %(what)s = 'replay' and position('"decision":{' in r.body) > 0)
 order by r.no desc limit %(limit)s;

-- name: newest: the newest entry of the chain
select no, hash from gateway.receipt order by no desc limit 1;
