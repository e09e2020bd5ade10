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
