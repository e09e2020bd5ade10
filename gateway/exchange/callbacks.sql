-- name: expire: nonces whose calls are too old by now
delete from gateway.callback_nonce where expires_at < clock_timestamp();

-- name: use_nonce: take a nonce; no row when it was taken before
insert into gateway.callback_nonce (platform, nonce, expires_at)
values (%(platform)s, %(nonce)s, clock_timestamp() + make_interval(secs => %(seconds)s)) on conflict do nothing;

-- name: heard: which of these verdicts a route has entered already
select verdict from gateway.verdict where route = any(%(routes)s) and verdict = any(%(verdicts)s);

-- name: keep: what a platform told; what waits already stays
insert into gateway.callback (platform, dataset, verdict, number, error, words, judged_at, left_at, key)
values %s on conflict do nothing returning 1;
