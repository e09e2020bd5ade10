"""The deployment as an act at the pages needs it: connections are Airflow's, as in a task, or the environment's."""

from __future__ import annotations

from dataclasses import replace

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from exchange_app import frame
from gateway.deployment import Deployment
from gateway.provider import dsn


def deployment() -> Deployment:
    """Return the deployment of the pages, which asks Airflow for connections first."""
    found = frame.deployment()
    return replace(found, resolve=lambda name: connection_of(name) or found.resolve(name))


def connection_of(name: str) -> str | None:
    """Return the DSN of an Airflow connection, or None when Airflow has none of that name."""
    try:
        return dsn(BaseHook.get_connection(name.lower()))
    except AirflowNotFoundException:
        return None
