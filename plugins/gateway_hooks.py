"""The hooks behind the connection types 数据交换平台: only Airflow's Test button uses them."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook

from gateway import catalog, pg, registry
from gateway.errors import GatewayError
from gateway.provider import CONNECTION_TYPE, FILES_TYPE, MAP_TYPE, REST_TYPE, dsn


class ExchangeHook(BaseHook):
    """Opens a platform's database to see whether it answers."""

    conn_name_attr = "connection_id"
    default_conn_name = "pop"
    conn_type = CONNECTION_TYPE
    hook_name = "数据交换平台 (PostgreSQL)"

    def __init__(self, connection_id: str = default_conn_name, **_: Any) -> None:
        """Take the connection's id."""
        super().__init__()
        self.connection_id = connection_id

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the platform answers, and what it said."""
        try:
            with pg.platform_errors(self.connection_id, "connect"):
                pg.connect(dsn(self.get_connection(self.connection_id)), name="gateway test").close()
        except GatewayError as error:
            return False, str(error)
        return True, "平台可以连接 · the platform answers"


class ExchangeRestHook(BaseHook):
    """Asks a platform's interface for its clock, as the routes that read it do."""

    conn_name_attr = "connection_id"
    default_conn_name = "web"
    conn_type = REST_TYPE
    hook_name = "数据交换平台 (REST)"

    def __init__(self, connection_id: str = default_conn_name, **_: Any) -> None:
        """Take the connection's id."""
        super().__init__()
        self.connection_id = connection_id

    def test_connection(self) -> tuple[bool, str]:
        """Return whether the platform answers, and what it said."""
        try:
            routes = [
                r for r in catalog.load().routes.values() if r.peer.connection.lower() == self.connection_id.lower()
            ]
            read = next((r for r in routes if not r.outbound), None)
            if read is None:
                return False, f"目录中没有经连接 {self.connection_id} 取数的链路 · no route of the catalog reads by it"
            source = registry.source(read.peer, dsn(self.get_connection(self.connection_id)))
            source.probe(read.dataset)
            source.close()
        except GatewayError as error:
            return False, str(error)
        return True, "平台可以连接 · the platform answers"


class ExchangeMapHook(ExchangeRestHook):
    """Asks a map service in the same way."""

    default_conn_name = "geo_map"
    conn_type = MAP_TYPE
    hook_name = "数据交换平台 (地图服务)"


class ExchangeFilesHook(ExchangeRestHook):
    """Looks into a platform's folder in the same way."""

    default_conn_name = "self_zjj"
    conn_type = FILES_TYPE
    hook_name = "数据交换平台 (文件)"
