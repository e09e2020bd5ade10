"""What the overview is made of: values that are kept, and where platforms stand in the picture."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import pytest
from exchange_app import kept
from exchange_app.kept import Kept
from exchange_app.pages import topology

from gateway.errors import HubUnavailable
from gateway.model import Catalog, Mode, Platform, Route, SlaTerm, Unit
from sandbox.waiting import until
from tests.integration.conftest import PERSON


def test_a_kept_value_is_read_once_while_it_is_good() -> None:
    """By key; an old one is read anew."""
    read: list[str] = []
    for seconds, expected in ((60, ["a", "b"]), (0, ["a", "b", "a", "b", "a", "b"])):
        kept = Kept(seconds)
        read.clear()
        for _ in range(3):
            for key in ("a", "b"):
                assert kept.get(key, lambda key=key: read.append(key) or key) == key  # type: ignore[misc]
        assert read == expected


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that kept values are judged by, to be moved."""
    now = [1000.0]
    monkeypatch.setattr(kept, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_an_old_value_is_shown_while_it_is_read_anew(clock: list[float]) -> None:
    """Nobody waits, and it is read once however many ask meanwhile."""
    kept, go, read = Kept(60), Event(), []

    def slow() -> str:
        read.append("again")
        go.wait(10)
        return "new"

    kept.get("x", lambda: "old")
    clock[0] += 61
    assert [kept.get("x", slow) for _ in range(5)] == ["old"] * 5
    go.set()
    until(lambda: kept.get("x", slow) == "new", 10, "it was not read anew")
    assert read == ["again"]


def test_what_is_too_old_is_not_shown(clock: list[float]) -> None:
    """Whoever comes the next morning waits for the figures of that morning."""
    kept = Kept(60)
    kept.get("x", lambda: "yesterday")
    clock[0] += 601
    assert kept.get("x", lambda: "today") == "today"


def test_what_is_too_old_one_reads_and_the_others_wait(clock: list[float]) -> None:
    """Fifty at once ask the hub once, and a reading that fails is told to the one who made it alone."""
    kept, go, read = Kept(2, times=1), Event(), []
    kept.get("x", lambda: "old")
    clock[0] += 3

    def slow() -> str:
        read.append("again")
        go.wait(10)
        if len(read) == 1:
            raise HubUnavailable("unable to read the ledger", "The run is repeated.")
        return "new"

    with ThreadPoolExecutor(50) as pool:
        views = [pool.submit(kept.get, "x", slow) for _ in range(50)]
        until(lambda: read == ["again"], 10, "nobody read")
        go.set()
        failed = [view for view in views if view.exception()]
    assert len(failed) == 1
    assert {view.result() for view in views if view not in failed} == {"new"}
    assert read == ["again", "again"]


def test_a_value_is_read_anew_though_it_is_good() -> None:
    """And it is that one which the others get."""
    kept = Kept(60)
    kept.get("x", lambda: "old")
    assert kept.anew("x", lambda: "new") == "new"
    assert kept.get("x", lambda: "newer") == "new"


def test_a_hub_that_is_away_is_told_when_the_value_is_too_old(clock: list[float]) -> None:
    """Until then the value before is shown; afterwards it is read anew."""

    def away() -> str:
        raise HubUnavailable("unable to read the ledger", "The run is repeated.")

    kept = Kept(60)
    kept.get("x", lambda: "old")
    clock[0] += 61
    assert kept.get("x", away) == "old"
    clock[0] += 600
    with pytest.raises(HubUnavailable):
        kept.get("x", away)
    assert kept.get("x", lambda: "new") == "new"


def test_many_keys_push_out_the_oldest(clock: list[float]) -> None:
    """Addresses that people try do not fill the memory."""
    kept = Kept(60)
    for number in range(101):
        clock[0] += 0.1
        kept.get(number, lambda: "first")
    assert [kept.get(number, lambda: "again") for number in (100, 2, 0)] == ["first", "first", "again"]


def _city(*routes: tuple[str, str, Mode]) -> Catalog:
    """Return a catalog with routes of (platform, data set, mode)."""
    platforms = {name: Platform(name, f"{name}子网站", "rest", "X", "u") for name, _, _ in routes}
    term = SlaTerm("daily", "每日", 1440, 9900)
    made = [
        Route(f"{platform}_{dataset}_{mode}", replace(PERSON, name=dataset), platforms[platform], mode, "manual", term)
        for platform, dataset, mode in routes
    ]
    return Catalog(
        city="测试市", english="Test", division="130800", root=Path(), units={"u": Unit("u", "单位")}, platforms=platforms,
        datasets={}, routes={r.route: r for r in made}, terms={"daily": term},
    )  # fmt: skip


def test_platforms_alike_stand_together_and_show_their_worst() -> None:
    """Three that exchange the same are one, by what their names have in common; two are not."""
    city = _city(*((name, "m", "incremental") for name in "abc"), *((name, "n", "delivery") for name in "de"))
    states = {"a_m_incremental": "good", "b_m_incremental": "held", "c_m_incremental": "paused", "d_n_delivery": "good"}
    found = {node.name: node.level() for node in topology.nodes(city, states)}
    assert found == {"子网站（3 个）": "bad", "d子网站": "ok", "e子网站": "na"}


def test_who_gives_stands_left_and_who_takes_right() -> None:
    """Nobody stands on another, and each direction is a line of its own with its own colour."""
    city = _city(("a", "m", "incremental"), ("b", "n", "delivery"), ("c", "o", "delivery"), ("c", "p", "incremental"))
    states = dict.fromkeys(city.routes, "good") | {"c_p_incremental": "failed"}
    drawn = topology.picture(topology.nodes(city, states), {"a_m_incremental": 1000})
    sides = {node["id"]: node["side"] for node in drawn["nodes"]}
    assert (sides["p-a"], sides["p-b"]) == ("left", "right")
    assert len({(node["x"], node["y"]) for node in drawn["nodes"]}) == len(drawn["nodes"])
    lines = {(line["source"], line["target"]): (line["level"], line["rows"]) for line in drawn["links"]}
    assert lines == {
        ("p-a", "hub"): ("ok", 1000), ("hub", "p-b"): ("ok", 0), ("hub", "p-c"): ("ok", 0), ("p-c", "hub"): ("bad", 0),
    }  # fmt: skip
