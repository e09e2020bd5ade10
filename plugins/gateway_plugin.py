"""Mounts the pages, the notices of units and the callbacks below /exchange, and shows pages as tabs: a DAG's route, a task's receipt."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from gateway_callbacks import PREFIX as CALLBACKS
from gateway_callbacks import app as callbacks
from gateway_notices import PREFIX as NOTICES
from gateway_notices import app as notices
from gateway_pages import app


class GatewayPlugin(AirflowPlugin):
    """What Airflow takes from this file."""

    name = "exchange_gateway"
    fastapi_apps = [  # noqa: RUF012 - Airflow's form; the longer address first, or the pages would take its calls
        {"app": callbacks, "url_prefix": CALLBACKS, "name": "exchange callbacks"},
        {"app": notices, "url_prefix": NOTICES, "name": "exchange notices"},
        {"app": app, "url_prefix": "/exchange", "name": "exchange"},
    ]
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
