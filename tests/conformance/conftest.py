"""A hub connection as the engine opens it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection

from gateway import pg
from gateway.embedded import Server


@pytest.fixture
def hub(servers: tuple[Server, Server]) -> Iterator[Connection]:
    """Yield a connection with the gateway's session settings."""
    connection = pg.connect(servers[0].dsn(), name="conformance", autocommit=True)
    yield connection
    connection.close()
