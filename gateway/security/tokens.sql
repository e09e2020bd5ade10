-- name: make: a token, by its hash
insert into gateway.unit_token (token_hash, unit, purpose, made_at, made_by, expires_at)
values (%(token_hash)s, %(unit)s, %(purpose)s, %(now)s, %(who)s, %(expires_at)s) returning token;

-- name: find: whose token this is, while it holds
select token, unit from gateway.unit_token
 where token_hash = %(token_hash)s and purpose = %(purpose)s and revoked_at is null and expires_at > %(now)s;

-- name: used: when it was last used, to the hour: a reader that asks each minute is no reason to write each minute
update gateway.unit_token set last_used = %(now)s
 where token = %(token)s and (last_used is null or last_used < %(now)s - interval '1 hour');

-- name: revoke: a token opens nothing from now on
update gateway.unit_token set revoked_at = %(now)s where token = %(token)s and revoked_at is null returning unit, purpose;

-- name: listing: tokens, newest first; those that open nothing any more only when asked for
select token, unit, purpose, made_at, made_by, expires_at, revoked_at, last_used from gateway.unit_token
 where (%(unit)s::text is null or unit = %(unit)s) and (%(ended)s or (revoked_at is null and expires_at > %(now)s))
 order by token desc;
