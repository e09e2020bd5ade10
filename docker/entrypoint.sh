#!/bin/sh
# What the image runs: `prepare` brings the deployment to this version; `gateway …`, `airflow …` and `python …` are
# those programs; anything else is a command of Airflow: `api-server`, `scheduler`, `celery worker`, …
set -eu
case "${1:-}" in
prepare) shift && exec python /opt/gateway/docker/prepare.py "$@" ;;
gateway | airflow | python) exec "$@" ;;
*) exec airflow "$@" ;;
esac
