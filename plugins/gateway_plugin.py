"""Mounts what stands below /exchange: callbacks, feeds, links of notices, the interface of units, and the pages."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class GatewayPlugin(AirflowPlugin):
    """What Airflow takes from this file."""

    name = "exchange_gateway"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # Airflow reads it and never writes
        """Return the mounted apps; the longer address first, or the pages would take its calls.

        Imported when the api-server asks for them: every task loads this plugin, and none of them serves a page.
        """
        from exchange_app import callbacks, feeds, notices  # noqa: PLC0415 - see above
        from exchange_app.api import app as api  # noqa: PLC0415
        from exchange_app.pages import app as pages  # noqa: PLC0415

        return [
            {"app": callbacks.app, "url_prefix": callbacks.PREFIX, "name": "exchange callbacks"},
            {"app": feeds.app, "url_prefix": feeds.PREFIX, "name": "exchange feeds"},
            {"app": notices.app, "url_prefix": notices.PREFIX, "name": "exchange notices"},
            {"app": api.app, "url_prefix": api.PREFIX, "name": "exchange interface"},
            {"app": pages.app, "url_prefix": "/exchange", "name": "exchange"},
        ]

    external_views = [  # noqa: RUF012 - Airflow's form
        {
            "name": "总览 Overview",
            "href": "/exchange/",
            "destination": "nav",
            "url_route": "exchange-overview",
        },
        {
            "name": "时效考核 Time limits",
            "href": "/exchange/sla",
            "destination": "nav",
            "url_route": "exchange-sla",
        },
        {
            "name": "结构变更 Changes",
            "href": "/exchange/changes",
            "destination": "nav",
            "url_route": "exchange-changes",
        },
        {
            "name": "备份 Backups",
            "href": "/exchange/backups",
            "destination": "nav",
            "url_route": "exchange-backups",
        },
        {
            "name": "隔离区 Quarantine",
            "href": "/exchange/quarantine",
            "destination": "nav",
            "url_route": "exchange-quarantine",
        },
        {
            "name": "系统健康 Health",
            "href": "/exchange/health",
            "destination": "nav",
            "url_route": "exchange-health",
        },
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
