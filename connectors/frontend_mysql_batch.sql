-- name: told: which of these keys the table holds
select distinct {key} from {table} where ({key}) in ({keys}) and cd_batch <> {batch};

-- name: told_in: which of these keys a batch holds
select distinct {key} from {table} where ({key}) in ({keys}) and cd_batch = {batch};

-- name: versions: every version of these keys, the newest first; keys are told apart by their bytes
select {columns}, cd_operation from {table} where ({key}) in ({keys}) order by {exactly}, cd_time desc, cd_batch desc;

-- name: append: add rows
insert into {table} ({columns}) values {rows};
