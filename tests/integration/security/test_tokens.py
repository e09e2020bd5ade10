"""Tokens of units: shown once, good for one purpose and a time, gone at once when revoked."""

from __future__ import annotations

from contextlib import closing

import pytest

from gateway.errors import NotFound, TokenRefused
from gateway.security import tokens
from gateway.security.tokens import Purpose
from tests.integration.cli.conftest import Desk, desk, made
from tests.integration.conftest import City

__all__ = ["desk", "made"]
WHO = ("--who", "tester")


def found(city: City, raw: str, purpose: Purpose = "feed") -> str | None:
    """Return whose token a secret is, or None."""
    with closing(city.deployment.hub()) as hub, hub:
        try:
            return tokens.find(hub, raw, purpose)
        except NotFound:
            return None


def test_a_token_stands_for_its_unit_and_purpose_alone(city: City) -> None:
    """The secret for a feed opens no interface, and a changed one opens nothing."""
    one = tokens.make(city.deployment, "gaj", "feed", who="tester")
    assert (found(city, one.raw), found(city, one.raw, "api")) == ("gaj", None)
    for other in (one.raw + "x", one.raw[:-1], "", "\x00", "\ud800", one.raw.upper()):
        assert found(city, other) is None


def test_the_ledger_does_not_know_the_secret(city: City) -> None:
    """Neither its table nor the chain nor what Python shows of a made token."""
    one = tokens.make(city.deployment, "gaj", "api", who="tester")
    kept = str(city.ask("select to_jsonb(t) from gateway.unit_token t")) + str(
        city.ask("select body from gateway.receipt")
    )
    assert "token make" in kept
    for words in (kept, repr(one), str(one)):
        assert one.raw not in words
        assert one.raw.removeprefix("gw-api-") not in words


def test_a_token_ends_by_its_day_or_by_being_revoked(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the second in both cases; a second revocation is refused."""
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-24T09:00:00+08:00")
    short, long = (tokens.make(city.deployment, "gaj", "feed", who="tester", days=days) for days in (1, 365))
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-25T08:59:59+08:00")
    assert (found(city, short.raw), found(city, long.raw)) == ("gaj", "gaj")
    monkeypatch.setenv("GATEWAY_NOW", "2026-11-25T09:00:00+08:00")
    assert (found(city, short.raw), found(city, long.raw)) == (None, "gaj")
    assert tokens.revoke(city.deployment, long.token, who="tester", why="泄露") == "gaj"
    assert found(city, long.raw) is None
    with pytest.raises(NotFound, match="was not revoked"):
        tokens.revoke(city.deployment, long.token, who="tester", why="泄露")


def test_the_last_use_is_noted_to_the_hour(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that asks each minute writes once an hour."""
    one = tokens.make(city.deployment, "gaj", "feed", who="tester")
    seen = []
    for time in ("09:00", "09:30", "10:30"):
        monkeypatch.setenv("GATEWAY_NOW", f"2026-11-24T{time}:00+08:00")
        assert found(city, one.raw) == "gaj"
        seen += city.ask("select to_char(last_used at time zone 'Asia/Shanghai', 'HH24:MI') from gateway.unit_token")
    assert seen == [("09:00",), ("09:00",), ("10:30",)]


@pytest.mark.parametrize(
    ("unit", "purpose", "days", "words"),
    [
        ("xxx", "feed", 365, "there is no unit xxx"),
        ("gaj", "mail", 365, "there is no purpose mail"),
        ("gaj", "feed", 0, "cannot hold for 0 days"),
        ("gaj", "feed", 1096, "cannot hold for 1096 days"),
    ],
)
def test_a_token_that_would_open_nothing_or_too_long_is_refused(
    city: City, unit: str, purpose: str, days: int, words: str
) -> None:
    """With a hint; nothing is kept."""
    with pytest.raises(TokenRefused, match=words) as refused:
        tokens.make(city.deployment, unit, purpose, who="tester", days=days)
    assert refused.value.hint
    assert city.ask("select count(*) from gateway.unit_token") == [(0,)]


def test_a_token_is_made_listed_and_revoked_at_the_desk(desk: Desk) -> None:
    """Its secret is printed when it is made, and by no command afterwards."""
    said = desk.run("token", "add", "gxj", "--purpose", "feed", *WHO).stdout
    raw = said.splitlines()[1]
    assert raw.startswith("gw-feed-")
    assert f"/exchange/feeds/{raw}/notices.atom" in said
    (row,) = desk.read("token", "list")
    assert (row["token"], row["unit"], row["purpose"], row["last_used"]) == (1, "gxj", "feed", None)
    assert "GW-711" in desk.run("token", "add", "gxj", "--purpose", "fax", *WHO, code=1).stderr
    assert "token 1 of gxj revoked" in desk.run("token", "revoke", "1", "--why", "泄露", *WHO).stdout
    assert desk.read("token", "list") == []
    assert desk.read("token", "list", "--ended")[0]["revoked_at"]
    assert "GW-406" in desk.run("token", "revoke", "1", "--why", "泄露", *WHO, code=1).stderr
    assert raw not in desk.run("token", "list", "--ended").stdout + desk.run("receipts", "list", "--json").stdout
    assert desk.read("receipts", "verify")["ok"]
