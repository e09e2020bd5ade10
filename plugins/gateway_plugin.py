"""Mounts what stands below /exchange: callbacks, feeds, links of notices, the interface of units, and the pages."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from exchange_app.api.app import PREFIX as API
from exchange_app.api.app import app as api
from exchange_app.callbacks import PREFIX as CALLBACKS
from exchange_app.callbacks import app as callbacks
from exchange_app.feeds import PREFIX as FEEDS
from exchange_app.feeds import app as feeds
from exchange_app.notices import PREFIX as NOTICES
from exchange_app.notices import app as notices
from exchange_app.pages.app import app


class GatewayPlugin(AirflowPlugin):
    """What Airflow takes from this file."""

    name = "exchange_gateway"
    fastapi_apps = [  # noqa: RUF012 - Airflow's form; the longer address first, or the pages would take its calls
        {"app": callbacks, "url_prefix": CALLBACKS, "name": "exchange callbacks"},
        {"app": feeds, "url_prefix": FEEDS, "name": "exchange feeds"},
        {"app": notices, "url_prefix": NOTICES, "name": "exchange notices"},
        {"app": api, "url_prefix": API, "name": "exchange interface"},
        {"app": app, "url_prefix": "/exchange", "name": "exchange"},
    ]
    external_views = [  # noqa: RUF012
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
