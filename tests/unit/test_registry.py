"""Connectors are found by name, and small questions are asked again when a peer is away."""

from __future__ import annotations

import importlib
import re

import pytest
import tenacity.nap

from gateway import catalog, registry
from gateway.errors import AccessDenied, CatalogInvalid, PlatformUnavailable
from gateway.model import Platform


def _platform(connector: str) -> Platform:
    return Platform("pop", "人口库", connector, "POP", "gaj")


def test_a_connector_is_a_module_of_its_name() -> None:
    """`postgres` is connectors/postgres.py, opened without connecting and without showing its secret."""
    source = registry.source(_platform("postgres"), "postgresql://u:hunter2@127.0.0.1:1/x")
    assert repr(source) == "Postgres('pop')"
    source.close()


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "os.path", "Postgres", "", "postgres;"),  # nothing outside connectors/ can be imported by a catalog
        "oracle",  # nobody wrote it
        "postgres_target",  # a part of one
    ],
)
def test_a_name_that_is_no_connector_is_refused(name: str) -> None:
    """The platform and the name are told, and where to look."""
    with pytest.raises(CatalogInvalid, match=f"platform pop: there is no connector '{re.escape(name)}'"):
        registry.source(_platform(name), "")


def test_a_connector_that_only_reads_is_no_target() -> None:
    """A delivery to such a platform is a mistake of the catalog."""
    with pytest.raises(CatalogInvalid, match="connector ogc reads and does not write"):
        registry.target(_platform("ogc"), "")


@pytest.mark.parametrize(
    ("failures", "error", "calls"),
    [
        (0, PlatformUnavailable, 1),
        (2, PlatformUnavailable, 3),  # back at the third try
        (3, PlatformUnavailable, 3),  # away for good
        (1, AccessDenied, 1),  # a repetition would not help
    ],
)
def test_small_questions_are_repeated(
    monkeypatch: pytest.MonkeyPatch, failures: int, error: type[Exception], calls: int
) -> None:
    """Three tries while a peer is away, one when it refuses."""
    monkeypatch.setattr(tenacity.nap.time, "sleep", lambda _: None)
    made: list[int] = []

    def call() -> str:
        made.append(1)
        if len(made) <= failures:
            raise error("not now")
        return "answer"

    if failures < calls:
        assert registry.patiently(call) == "answer"
    else:
        with pytest.raises(error):
            registry.patiently(call)
    assert calls == len(made)


@pytest.mark.parametrize("name", ["files", "frontend", "links", "ogc", "postgres", "rest", "soap"])
def test_requests_are_limited_where_requests_are_made(name: str) -> None:
    """Where the catalog takes a limit of requests, source and target can have each wait for its turn, and nowhere else."""
    classes = vars(importlib.import_module(f"connectors.{name}")).values()
    ends = [c for c in classes if isinstance(c, type) and hasattr(c, "describe") and hasattr(c, "close")]
    assert {hasattr(end, "take") for end in ends} == {name in catalog.REQUESTING}
