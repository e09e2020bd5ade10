-- name: tables: numbers and rules of the quarantined records of one delivery, and its plain records as they come
drop table if exists {no}, {like};
create unlogged table {no} (gw_row bigint, gw_rule text);
create unlogged table {like} ({shape});

-- name: note: which of some records are quarantined; the first that came has the number after `before`
insert into {no} select {before} + l.gw_row, q.rule from ({records}) l
  join (select q.row_hash, min(q.rule) as rule from gateway.quarantine q where {live} group by 1) q on q.row_hash = l.gw_hash;
