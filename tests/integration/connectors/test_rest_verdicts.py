"""Verdicts that a REST platform gives after it has taken the rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.errors import (
    SchemaMismatch,
)
from tests.integration.connectors.receiver import (
    LEFT,
    writer,
)
from tests.integration.connectors.site import POST, Site

VERDICTS = {
    "path": "/verdicts", "records": "items", "paging": {"kind": "page", "parameter": "page", "size": 2},
    "since": {"parameter": "since", "format": "iso"}, "id": "no", "code": "error", "words": "message", "at": "judged",
    "number": "batch", "left": "sent", "fields": {"id": "row.id"},
}  # fmt: skip


def verdict(number: int, **changes: Any) -> dict[str, Any]:
    """Return a verdict as the platform tells it."""
    judged = "2026-11-24T13:00:00+08:00"
    return {
        "no": number,
        "row": {"id": f"m{number}"},
        "batch": 7,
        "error": "E9",
        "message": "审核不通过",
        "judged": judged,
        **changes,
    }


def heard(site: Site, since: datetime | None = None, **changes: Any) -> list[Any]:
    """Return the verdicts that the site tells."""
    with writer(site, verdicts={**VERDICTS, **changes}) as target:
        return list(target.verdicts(POST, since))


def test_verdicts_are_read_page_by_page(site: Site) -> None:
    """Each bears its own name, the row's key, its batch, and the words; the start of the time goes along."""
    site.gives({"items": [verdict(1), verdict(2)]}, {"items": [verdict(3)]})
    found = heard(site, LEFT)
    first = found[0]
    assert (first.id, first.key, first.number, first.error, first.words) == ("1", {"id": "m1"}, 7, "E9", "审核不通过")
    assert [v.id for v in found] == ["1", "2", "3"]
    assert found[0].at == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert site.seen[0].query == {"page": "1", "since": "2026-11-24T04:00:00Z"}


@pytest.mark.parametrize(
    ("changes", "number"),
    [({"batch": None}, None), ({"batch": "12"}, 12), ({"batch": "another's"}, -1), ({"batch": 10**30}, -1)],
)
def test_batch_of_a_verdict(site: Site, changes: Any, number: int | None) -> None:
    """A name that cannot be ours is no batch that we sent, and not the absence of a name."""
    site.gives({"items": [verdict(1, **changes)]})
    assert heard(site)[0].number == number


@pytest.mark.parametrize(
    ("told", "declared"),
    [("2026-11-24 13:00:00", {}), (1795496400, {"format": "epoch"}), ("1795496400000", {"format": "epoch_ms"})],
)
def test_time_of_a_verdict(site: Site, told: Any, declared: Any) -> None:
    """It is read in its declared form; without offset, as the wall clock of the zone."""
    site.gives({"items": [verdict(1, judged=told, sent=told)]})
    (found,) = heard(site, **declared)
    assert found.at == found.left == datetime(2026, 11, 24, 5, tzinfo=UTC)


@pytest.mark.parametrize("told", ["1e999999999", "-1e999999999", "NaN", "Infinity"])
def test_time_beyond_all_time_is_none(site: Site, told: str) -> None:
    """It is refused at once, and not computed."""
    site.gives({"items": [verdict(1, judged=told)]})
    with pytest.raises(SchemaMismatch, match="without a time"):
        heard(site, format="epoch")


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"no": None}, "without a name"), ({"judged": "soon"}, "without a time"), ({"judged": None}, "without a time")],
)
def test_verdict_that_cannot_be_told_apart_ends_the_run(site: Site, changes: Any, words: str) -> None:
    """It would count twice, or never be asked for again; nothing of it is repeated."""
    site.gives({"items": [verdict(1, **changes)]})
    with pytest.raises(SchemaMismatch, match=words):
        heard(site)
