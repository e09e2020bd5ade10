"""The catalog's declaration of the guide app fits the server: divisions arrive, refusals and verdicts come back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import http_peer, rest
from gateway import catalog
from gateway.errors import AccessDenied
from gateway.ports import Outgoing, Target
from gateway.records import lines
from sandbox import places
from sandbox.app import GuideApp

CATALOG = catalog.load(Path(__file__).parent.parent.parent.parent / "catalog")
PLATFORM, DIVISION = CATALOG.platforms["app_guide"], CATALOG.datasets["geo.division"]
LEFT = datetime(2026, 11, 24, 4, tzinfo=UTC)


@pytest.fixture
def app() -> Iterator[GuideApp]:
    """Yield an app that refuses a twentieth at once and a twentieth later, and takes one request a second."""
    with GuideApp(share=20, per_second=1) as started:
        yield started


@pytest.fixture
def waits(app: GuideApp, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits that were asked for; instead of each the app forgets its pace."""
    asked: list[float] = []

    def wait(seconds: float) -> None:
        asked.append(seconds)
        app.pace._asked.clear()

    monkeypatch.setattr(http_peer, "_sleep", wait)
    return asked


@pytest.fixture
def target(app: GuideApp, waits: list[float]) -> Iterator[Target]:  # noqa: ARG001 - nobody sleeps here
    """Yield the connector as the registry would open it."""
    opened = rest.connect_target(PLATFORM, app.dsn)
    yield opened
    opened.close()


def outgoing(rows: list[list[str | None]], gone: list[list[str | None]], number: int) -> Outgoing:
    """Return a batch as the hub streams it."""

    def read(found: list[list[str | None]], out: Any) -> int:
        for row in found:
            out.write(lines([(None, row)]).removeprefix(rb"\N" + b"\t"))
        return len(found)

    return Outgoing("a hub", number, LEFT, lambda out: read(rows, out), lambda out: read(gone, out))


def test_divisions_arrive_and_refusals_come_back(app: GuideApp, target: Target, waits: list[float]) -> None:
    """Every division of the city is at the app or refused by its key; the pace is kept, and verdicts name their batch."""
    divisions = [[None if row.get(c) is None else str(row[c]) for c in DIVISION.columns] for row in places.divisions()]
    done = target.write(DIVISION, outgoing(divisions, [], 7))
    assert len(divisions) > 200
    assert waits
    assert (done.inserted, done.updated, done.unchanged) == (len(app.held()), 0, 0)
    assert done.inserted + len(done.refused) == len(divisions)
    keys = {(row[0], row[1]) for row in divisions}
    assert {(v.key["code"], v.key["valid_from"]) for v in done.refused} < keys
    assert {v.error for v in done.refused} == {"E201"}
    assert isinstance(target, rest.RestTarget)
    verdicts = list(target.verdicts(DIVISION, None))
    assert len(verdicts) > 3
    assert {(v.error, v.number) for v in verdicts} == {("E305", 7)}
    assert {(v.key["code"], v.key["valid_from"]) for v in verdicts} < keys
    assert list(target.verdicts(DIVISION, datetime.now(UTC).replace(year=2090))) == []


def test_same_batch_and_deletions(app: GuideApp, target: Target) -> None:
    """A batch sent again is known; a deletion takes the division away."""
    row: list[str | None] = ["130899000000", "2020-01-01", None, None, "新区", "3", "A", "130800000000", "民政部"]
    first = target.write(DIVISION, outgoing([row], [], 1))
    again = target.write(DIVISION, outgoing([row], [], 1))
    assert (first.repeated, again.repeated, len(app.held()) + len(first.refused)) == (False, True, 1)
    assert target.write(DIVISION, outgoing([], [row[:2]], 2)).deleted == 1
    assert app.held() == []


def test_wrong_secret_is_access_denied(app: GuideApp) -> None:
    """The app tells a forged signature, and nothing of it is repeated."""
    opened = rest.connect_target(PLATFORM, app.dsn.replace("@", "x@"))
    with pytest.raises(AccessDenied, match="HTTP 401"):
        opened.write(DIVISION, outgoing([], [["130899000000", "2020-01-01"]], 2))
    opened.close()
    assert rest.returns(PLATFORM)
    assert not rest.returns(CATALOG.platforms["web"])
