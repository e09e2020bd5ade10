#!/bin/sh
# Write the random secrets of a deployment, each in a file that only the containers' user can read; existing ones stay.
# Usage: sudo docker/make-secrets.sh [FOLDER]      (default: the folder `secrets` beside this script)
set -eu
umask 077
folder="${1:-$(dirname "$0")/secrets}"
user="${GATEWAY_USER:-50000:50000}"

random() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
write() { # NAME VALUE: a file appears whole or not at all
    [ -e "$folder/$1" ] || { printf '%s\n' "$2" >"$folder/$1.new" && mv "$folder/$1.new" "$folder/$1"; }
}
read_back() { cat "$folder/$1"; }

mkdir -p "$folder/gateway"
for name in postgres_password hub_password airflow_password redis_password \
    airflow_api_secret airflow_jwt_secret admin_password; do
    write "$name" "$(random)"
done
write airflow_fernet_key "$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
write airflow_database "postgresql+psycopg2://airflow:$(read_back airflow_password)@postgres:5432/airflow"
write celery_broker "redis://:$(read_back redis_password)@redis:6379/0"
write redis.conf "requirepass $(read_back redis_password)"
write gateway/gateway_hub_dsn "postgresql://gateway:$(read_back hub_password)@postgres:5432/gateway"
chown -R "$user" "$folder"
echo "secrets are in $folder; now write a file gateway/gateway_conn_<name> per platform (postgresql://user:password@host/database)"
