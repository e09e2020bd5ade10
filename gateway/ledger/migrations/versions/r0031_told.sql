-- What the gateway tells the catalogue of resources of its own data sets: a row a version, the newest of a data set being what its
-- catalog says now. `owner_names` are the names under which the owner may stand in the register of organisations.
create table gateway.resource (
  dataset text not null,
  version integer not null,
  resource_code text not null,
  name text not null,
  owner_names text[] not null,
  fields text not null,
  update_frequency text not null,
  sharing text not null,
  sharing_terms text,
  updated_at timestamptz not null,
  primary key (dataset, version)
);

-- The unified social credit code of the live unit that bears one of these names in the hub's register of organisations; none where
-- no such data set is exchanged. The table comes and goes with its contract, so it is looked for when it is asked.
create function gateway.unit_code(names text[]) returns text language plpgsql stable as $$
declare code text;
begin
    if to_regclass('hub.org_org') is not null then
        execute 'select min(org_cc_code) from hub.org_org where org_status = ''1'' and org_name = any($1) having count(distinct org_cc_code) = 1'
           into code using names;
    end if;
    return code;
end $$;

create view gateway.resource_catalogue as
select r.resource_code::varchar(50) as resource_code, r.version, r.name::varchar(200) as name, o.code::varchar(18) as owner_unit,
       r.dataset::varchar(64) as dataset, r.fields, r.update_frequency::varchar(2) as update_frequency, r.sharing::varchar(1) as sharing,
       r.sharing_terms::varchar(500) as sharing_terms, (r.updated_at at time zone 'Asia/Shanghai')::timestamp(0) as updated_at
  from gateway.resource r
 cross join lateral (select gateway.unit_code(r.owner_names)) o (code)
 where o.code is not null;

-- Whose row a target returned: the platform that brought it, and its key where that is nobody's secret.
alter table gateway.quarantine add column brought_by text, add column row_key text;

-- In schema public, for a data set has one table name, and its owners hold theirs there.
create schema if not exists public;
create view public.receipt_returned as
select q.brought_by::varchar(64) as returned_to, q.id as receipt_no, s.source::varchar(64) as returned_by, q.dataset::varchar(64) as dataset,
       left(q.row_key, 256)::varchar(256) as row_key, substr(q.rule, 6)::varchar(100) as err_type, left(q.words, 1000)::varchar(1000) as remark,
       q.owner::varchar(64) as owner, q.state::varchar(16) as state, q.entered_at::timestamptz(0) as returned_at,
       q.closed_at::timestamptz(0) as closed_at
  from gateway.quarantine q
  join gateway.route_state s on s.route = q.route
 where q.brought_by is not null;
