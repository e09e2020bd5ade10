"""The REST connector keeps what every target promises, against a strict server that takes pages of records."""
# ruff: noqa: D102 - the harness does what suite.TargetPeer says

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.rest import connect_target
from gateway.model import Dataset, Platform
from gateway.ports import Target
from tests.conformance.suite import EVERYTHING, RowRefusingTargetSuite
from tests.integration.connectors.receiver import ANSWER, WRITE, Receiver, Record
from tests.integration.connectors.site import Site

ZONE = ZoneInfo("Asia/Shanghai")


class RestTargetPeer:
    """Holds one data set under nested names; its own limit is a code of 40 letters."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._site = Site()
        self._receiver = Receiver(self._site, EVERYTHING.key)
        self._receiver.wrong = _wrong

    def close(self) -> None:
        """Stop."""
        self._site.close()

    def create(self, dataset: Dataset) -> None:
        assert dataset is EVERYTHING

    def target(self) -> Target:
        refused = {**ANSWER["refused"], "fields": {"code": "key.code", "part": "key.part"}}
        write = {
            **WRITE, "fields": {"lat": "place.lat", "lon": "place.lon"}, "size": 5_000, "answer": {**ANSWER, "refused": refused},
        }  # fmt: skip
        options = {"resources": {EVERYTHING.name: {"write": write}}, "limits": {"seconds": 30}}
        return connect_target(Platform("peer", "", "rest", "PEER", "gxj", options=options), self._site.dsn())

    def held(self, dataset: Dataset) -> list[tuple[Any, ...]]:
        found = [_stored(item) for item in self._receiver.held.values()]
        return sorted((tuple(item[c] for c in dataset.columns) for item in found), key=lambda row: row[:2])


def _wrong(item: Record) -> str | None:
    return "code is too long" if len(item["code"]) > 40 else None


def _stored(item: Record) -> Record:
    """Return a record as a database behind the interface would hold it."""
    place = item["place"]
    found = {**item, **place}
    for name in ("naive", "updated_at"):
        found[name] = found[name] and datetime.fromisoformat(found[name]).astimezone(ZONE).replace(tzinfo=None)
    for name in ("born", "ends"):
        found[name] = found[name] and date.fromisoformat(found[name])
    found["fixed"] = found["fixed"] and found["fixed"].ljust(6)
    return found


class TestRestTarget(RowRefusingTargetSuite):
    """Records in JSON over HTTP, which are refused one by one."""

    @pytest.fixture
    def peer(self) -> Iterator[RestTargetPeer]:
        """Yield a fresh platform."""
        peer = RestTargetPeer()
        yield peer
        peer.close()
