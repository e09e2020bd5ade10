"""Read by Airflow when a component starts: what forks tasks or parses loads the gateway and the contracts once for all of them.

A task would spend the better part of its time on this; Airflow itself forks without looking at the DAG's imports.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress

_FORKS = {"scheduler", "celery", "dag-processor"}
_WANTED = (
    "gateway.exchange.carry",
    "gateway.provider",
    "connectors.postgres",
    "connectors.rest",
    "connectors.soap",
    "schemas.drift",
)
__all__: list[str] = []  # Airflow takes no setting from here

if _FORKS & set(sys.argv):
    for _name in _WANTED:
        importlib.import_module(_name)
    from gateway import catalog
    from gateway.errors import GatewayError

    with suppress(GatewayError):  # a task that needs it says what is wrong
        catalog.load()
