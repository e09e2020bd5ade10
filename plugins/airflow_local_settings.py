"""Read by Airflow when a component starts: what forks tasks or parses loads the gateway once, and each child finds it loaded.

A task would spend the better part of its time on this; Airflow itself forks without looking at the DAG's imports.
"""

from __future__ import annotations

import importlib
import sys

_FORKS = {"scheduler", "celery", "dag-processor"}
_WANTED = ("gateway.exchange.carry", "gateway.provider", "connectors.postgres", "connectors.rest", "connectors.soap")
__all__: list[str] = []  # Airflow takes no setting from here

if _FORKS & set(sys.argv):
    for _name in _WANTED:
        importlib.import_module(_name)
