-- name: open: a change takes effect; it does so once
insert into gateway.notice_opening (notice, revision, opened_at, opened_by, overridden, why, before)
values (%(notice)s, %(revision)s, %(at)s, %(who)s, %(overridden)s, %(why)s, %(before)s);

-- name: opening: how a change took effect
select notice, revision, opened_at, opened_by, overridden, why, before, carried_at from gateway.notice_opening where notice = %(notice)s;

-- name: carried: the hub's table follows the contract's new version
update gateway.notice_opening set carried_at = %(at)s where notice = %(notice)s;

-- name: wait_for_dataset: no run of the data set meets a table that changes under it
select pg_advisory_xact_lock(hashtextextended('dataset:' || %(dataset)s, 0));

-- name: due: notices that the clock may move, oldest first
select n.notice, n.number, n.platform, n.dataset, n.state, r.class, r.effective_on, r.transition_until, o.opened_at,
       exists (select from gateway.notice_report p where p.notice = n.notice) as reported,
       exists (select from gateway.compat_view v where v.notice = n.notice and v.dropped_at is null) as viewed
  from gateway.notice n
  join gateway.notice_revision r using (notice, revision)
  left join gateway.notice_opening o using (notice)
 where n.state in ('announced', 'effective', 'transition') and r.effective_on <= %(today)s
 order by n.notice;

-- name: report: what an emergency was and what was done; the newest stands
insert into gateway.notice_report (notice, reported_at, reported_by, words, file_name, file_hash, sealed)
values (%(notice)s, %(at)s, %(who)s, %(words)s, %(file_name)s, %(file_hash)s, %(sealed)s)
on conflict (notice) do update set (reported_at, reported_by, words, file_name, file_hash, sealed)
  = (excluded.reported_at, excluded.reported_by, excluded.words, excluded.file_name, excluded.file_hash, excluded.sealed);

-- name: reported: the report of a notice
select reported_at, reported_by, words, file_name, file_hash from gateway.notice_report where notice = %(notice)s;

-- name: views: old-shape views of a notice, or all, that were not dropped
select place, schema, view, notice, base, units, writable, drop_after, made_at, observed_since, counter, last_used, dropped_at
  from gateway.compat_view
 where dropped_at is null and (%(notice)s::bigint is null or notice = %(notice)s) order by place, schema, view;

-- name: count_views: how many old shapes of a relation there were, other notices' alone
select count(distinct schema) as made from gateway.compat_view
 where place = %(place)s and base = %(base)s and notice <> %(notice)s;

-- name: put_view: a view that is asked for, or was made
insert into gateway.compat_view (place, schema, view, notice, base, units, writable, drop_after, made_at)
values (%(place)s, %(schema)s, %(view)s, %(notice)s, %(base)s, %(units)s, %(writable)s, %(drop_after)s, %(made_at)s)
on conflict (place, schema, view) do update
  set (base, units, writable, made_at, dropped_at)
    = (excluded.base, compat_view.units || excluded.units, excluded.writable, coalesce(excluded.made_at, compat_view.made_at), null);

-- name: made_view: the view is there
update gateway.compat_view set made_at = %(at)s, drop_after = %(drop_after)s where (place, schema, view) = (%(place)s, %(schema)s, %(view)s);

-- name: look_view: what was seen of its use
update gateway.compat_view set observed_since = %(observed_since)s, counter = %(counter)s, last_used = %(last_used)s
 where (place, schema, view) = (%(place)s, %(schema)s, %(view)s);

-- name: extend_view: it stays longer
update gateway.compat_view set drop_after = %(drop_after)s where (place, schema, view) = (%(place)s, %(schema)s, %(view)s);

-- name: drop_view: it is gone
update gateway.compat_view set dropped_at = %(at)s where (place, schema, view) = (%(place)s, %(schema)s, %(view)s);
