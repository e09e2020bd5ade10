-- What a repository says of a copy: until when it is locked, and the version of each of its objects.
alter table gateway.backup_copy add column locked_until timestamptz, add column versions jsonb not null default '{}';
