"""One DAG per route of the catalog; shard 0 of 1. Copy the file with another number when routes pass five hundred."""

from __future__ import annotations

from zlib import crc32

from airflow.sdk import get_parsing_context
from gateway_route import broken_dag, dag_id, route_dag

from gateway import catalog

SHARD, SHARDS = 0, 1
_wanted = get_parsing_context().dag_id  # one id inside a worker, None in the dag processor
_city = catalog.load()

for _name in (*_city.routes, *_city.broken):
    if crc32(_name.encode()) % SHARDS == SHARD and _wanted in (None, dag_id(_name)):
        _route = _city.routes.get(_name)
        globals()[dag_id(_name)] = route_dag(_route, _city) if _route else broken_dag(_name, _city.broken[_name])
