-- name: quarantined: the numbers of the rows with these keys that wait or are rejected; what is no number is not one
select masked->>%(field)s from gateway.quarantine
 where dataset = %(dataset)s and state in ('open', 'waiting') and masked @> %(keys)s
   and masked->>%(field)s ~ '^[0-9]{1,18}$';
