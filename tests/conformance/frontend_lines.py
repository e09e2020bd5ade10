"""What a front end on MySQL gives, as texts."""

from __future__ import annotations

from io import BytesIO

from connectors import copy_text
from gateway.model import Dataset
from gateway.ports import Source, Window
from tests.conformance.mariadb import MysqlPeer
from tests.conformance.suite import EVERYTHING


def read(peer: MysqlPeer, dataset: Dataset = EVERYTHING, source: Source | None = None) -> list[dict[str, str | None]]:
    """Return the rows of one copy, in the order they came."""
    out = BytesIO()
    with (source or peer.source()).snapshot() as snapshot:
        count = snapshot.copy(dataset, Window(), out)
    rows = [copy_text.values(line) for line in out.getvalue().splitlines()]
    assert len(rows) == count
    assert {row[0] for row in rows} <= {None}
    return [dict(zip(dataset.columns, row[1:], strict=True)) for row in rows]
