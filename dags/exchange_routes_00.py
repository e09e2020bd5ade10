"""One DAG per route of the catalog; shard 0 of 1. Copy the file with another number when routes pass five hundred."""

from __future__ import annotations

import logging
from zlib import crc32

from airflow.sdk import get_parsing_context
from gateway_route import route_dag

from gateway import catalog

SHARD, SHARDS = 0, 1
_wanted = get_parsing_context().dag_id  # one id inside a worker, None in the dag processor
_city = catalog.load()

for _name, _reason in _city.broken.items():
    logging.getLogger("gateway.route").warning("route %s is left out: %s", _name, _reason)

for _route in _city.routes.values():
    if crc32(_route.route.encode()) % SHARDS == SHARD and _wanted in (None, f"route__{_route.route}"):
        globals()[f"route__{_route.route}"] = route_dag(_route, _city)
