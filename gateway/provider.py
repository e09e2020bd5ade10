"""What Airflow shows of the gateway, and how it keeps a platform's address: the connection type 数据交换平台.

Imports no Airflow.
"""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import quote, urlencode

from gateway import __version__

# Not `postgresql`: Airflow reads that as the type `postgres` of another provider.
CONNECTION_TYPE = "exchange_postgres"
REST_TYPE = "exchange_rest"
MAP_TYPE = "exchange_map"
FILES_TYPE = "exchange_files"
_SCHEMES = {REST_TYPE: "https", MAP_TYPE: "https", FILES_TYPE: "sftp"}  # unless the host begins with another
_TLS_FILES = {"ca": "CA 证书文件 ca", "cert": "客户端证书文件 cert", "key": "客户端私钥文件 key"}
_SSL_MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"]


class Connection(Protocol):
    """The fields of an Airflow connection that make an address; `extra_dejson` holds further parameters of it."""

    conn_type: str | None
    host: str | None
    port: int | None
    schema: str | None
    login: str | None
    password: str | None

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """Return the extra field as an object."""
        ...


def dsn(connection: Connection) -> str:
    """Return the address of a connection as a connector takes it; every character of user, password and path survives.

    The host of a platform behind HTTP may begin with its scheme, which is https otherwise; its `schema` is the base path. That of
    files is a folder, here when there is no host.
    """
    user = ":".join(quote(part, safe="") for part in (connection.login, connection.password) if part)
    scheme, host = "postgresql", connection.host or ""
    usual = _SCHEMES.get(connection.conn_type or "")
    if connection.conn_type == FILES_TYPE and not host:
        return f"file:///{quote((connection.schema or '').strip('/'))}"
    if usual is not None:
        scheme, _, host = host.rpartition("://")
        scheme = scheme or usual
    where = f"[{host}]" if ":" in host else host
    more = urlencode({name: value for name, value in connection.extra_dejson.items() if value}, quote_via=quote)
    return (
        f"{scheme}://{user}{'@' if user else ''}{where}{f':{connection.port}' if connection.port else ''}"
        f"/{quote((connection.schema or '').strip('/'), safe='/' if usual else '')}"
        f"{'?' if more else ''}{more}"
    )


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description for Airflow's entry point `apache_airflow_provider`."""
    return {
        "package-name": "exchange-gateway",
        "name": "数据交换网关 Exchange gateway",
        "description": "Checked, receipted exchange between a city's platforms.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": "gateway_hooks.ExchangeHook",
                "hook-name": "数据交换平台 (PostgreSQL)",
                "conn-fields": {
                    "sslmode": {
                        "label": "加密方式 sslmode",
                        "schema": {"type": ["string", "null"], "enum": [*_SSL_MODES, None], "default": None},
                    }
                },
                "ui-field-behaviour": {
                    "hidden-fields": ["extra"],
                    "relabeling": {
                        "host": "平台地址 host",
                        "port": "端口 port",
                        "schema": "数据库 database",
                        "login": "账号 user",
                        "password": "密码 password",
                    },
                    "placeholders": {"host": "10.0.0.8", "port": "5432", "login": "gateway_extract"},
                },
            },
            _behind_http(REST_TYPE, "ExchangeRestHook", "数据交换平台 (REST)", "api.example.gov.cn", "openapi/v1"),
            _behind_http(MAP_TYPE, "ExchangeMapHook", "数据交换平台 (地图服务)", "map.example.gov.cn", "ogc"),
            {
                "connection-type": FILES_TYPE,
                "hook-class-name": "gateway_hooks.ExchangeFilesHook",
                "hook-name": "数据交换平台 (文件)",
                "conn-fields": {"key": _text("私钥文件 key")},
                "ui-field-behaviour": {
                    "hidden-fields": ["extra"],
                    "relabeling": {
                        "host": "SFTP 地址 host（本机文件夹不填）",
                        "port": "端口 port",
                        "schema": "文件夹 folder",
                        "login": "账号 user",
                        "password": "密码 password",
                    },
                    "placeholders": {"host": "10.0.0.9", "port": "22", "schema": "exchange/out"},
                },
            },
        ],
    }


def _behind_http(kind: str, hook: str, name: str, host: str, path: str) -> dict[str, Any]:
    return {
        "connection-type": kind,
        "hook-class-name": f"gateway_hooks.{hook}",
        "hook-name": name,
        "conn-fields": {field: _text(label) for field, label in _TLS_FILES.items()},
        "ui-field-behaviour": {
            "hidden-fields": ["extra"],
            "relabeling": {
                "host": "平台地址 host",
                "port": "端口 port",
                "schema": "接口根路径 base path",
                "login": "客户端编号 client id",
                "password": "密钥 secret",
            },
            "placeholders": {"host": host, "port": "443", "schema": path},
        },
    }


def _text(label: str) -> dict[str, Any]:
    return {"label": label, "schema": {"type": ["string", "null"], "default": None}}
