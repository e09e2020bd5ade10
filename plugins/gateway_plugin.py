"""Mounts the gateway's own pages at /exchange, and shows them as tabs: the route of a DAG, the receipt of a task."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from gateway_pages import app


class GatewayPlugin(AirflowPlugin):
    """What Airflow takes from this file."""

    name = "exchange_gateway"
    fastapi_apps = [{"app": app, "url_prefix": "/exchange", "name": "exchange"}]  # noqa: RUF012 - Airflow's form
    external_views = [  # noqa: RUF012
        {
            "name": "链路状态 Route",
            "href": "/exchange/routes/{DAG_ID}",
            "destination": "dag",
            "url_route": "exchange-route",
        },
        {
            "name": "回执 Receipt",
            "href": "/exchange/runs/{DAG_ID}/{RUN_ID}",
            "destination": "task_instance",
            "url_route": "exchange-receipt",
        },
    ]
