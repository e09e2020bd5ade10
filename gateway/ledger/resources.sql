-- name: enter: what a data set is to the catalogue of resources; a new version when anything of it differs from the newest
insert into gateway.resource (dataset, version, resource_code, name, owner_names, fields, update_frequency, sharing, sharing_terms, updated_at)
select %(dataset)s, coalesce(max(r.version), 0) + 1, %(resource_code)s, %(name)s, %(owner_names)s::text[], %(fields)s, %(update_frequency)s,
       %(sharing)s, %(sharing_terms)s, clock_timestamp()
  from gateway.resource r where r.dataset = %(dataset)s
having not coalesce(
       (array_agg((r.resource_code, r.name, r.owner_names, r.fields, r.update_frequency, r.sharing, r.sharing_terms)
                  is not distinct from (%(resource_code)s::text, %(name)s::text, %(owner_names)s::text[], %(fields)s::text,
                                        %(update_frequency)s::text, %(sharing)s::text, %(sharing_terms)s::text)
                  order by r.version desc))[1], false);

-- name: withdraw: data sets that no route brings into the hub any more, with all their versions
delete from gateway.resource where dataset <> all(%(datasets)s::text[]);
