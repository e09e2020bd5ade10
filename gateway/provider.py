"""What Airflow shows of the gateway: the connection type 数据交换平台. Imports no Airflow."""

from __future__ import annotations

from typing import Any

from gateway import __version__


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description for Airflow's entry point `apache_airflow_provider`."""
    return {
        "package-name": "exchange-gateway",
        "name": "数据交换网关 Exchange gateway",
        "description": "Checked, receipted exchange between a city's platforms.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": "postgresql",
                "hook-class-name": "gateway_hooks.ExchangeHook",
                "hook-name": "数据交换平台 (PostgreSQL)",
                "ui-field-behaviour": {
                    "hidden-fields": ["extra"],
                    "relabeling": {"host": "平台地址 host", "schema": "数据库 database", "login": "账号 user"},
                    "placeholders": {"port": "5432"},
                },
            }
        ],
    }
