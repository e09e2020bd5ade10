"""One database for the tables of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection

from gateway.embedded import Server
from tests.integration.schemas.unit_side import UnitSide, database


@pytest.fixture(scope="module")
def owner(servers: tuple[Server, Server]) -> Iterator[Connection]:
    """Yield the owner's session in a database of its own."""
    with database(servers[1]) as (_, connection):
        yield connection


@pytest.fixture
def side(owner: Connection) -> UnitSide:
    """Return the table as it was before any change."""
    return UnitSide(owner)
