-- name: before: the hash of the receipt before one
select hash from gateway.receipt where no = %(no)s;
