"""The stand-in channels: one address, fourteen interfaces, and no message that two of them hold but the one that says so."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox import identity, messages, places
from sandbox.channels import CLAIMED, POSTS, Channel, Channels
from sandbox.messages import POST, REPLY
from sandbox.web import WebSite

SITES = [f"site_{county.code}" for county in places.counties()]


@pytest.fixture(scope="module")
def channels() -> Iterator[Channels]:
    """Yield filled channels that no test changes."""
    with Channels() as channels:
        yield channels


def token(channel: Channel, credentials: Channel | None = None) -> requests.Response:
    """Ask a channel for a token, with the client of another one if that is given."""
    parts = urlsplit((credentials or channel).dsn)
    form = {"grant_type": "client_credentials", "scope": "messages.read"}
    return requests.post(f"{channel.url}/oauth/token", form, auth=(str(parts.username), str(parts.password)), timeout=5)


def page(channel: Channel, bearer: str) -> requests.Response:
    """Return the first page of a channel's messages."""
    return requests.get(f"{channel.url}/v1/messages", headers={"Authorization": f"Bearer {bearer}"}, timeout=5)


def test_every_channel_answers_below_its_own_path(channels: Channels) -> None:
    """Twelve sub-sites, app and WeChat at one port; each gives its own messages to its own client."""
    assert set(channels.by_name) == {*SITES, "app", "wechat"}
    assert {name.lower() for name in channels.connections} == {*channels.by_name, "links"}
    assert len({urlsplit(dsn).port for dsn in channels.connections.values()}) == 1
    for channel in channels.by_name.values():
        answer = page(channel, token(channel).json()["access_token"]).json()["data"]
        assert {item["message_id"] for item in answer["items"]} == {row["message_id"] for row in channel.rows(POST)}


def test_a_client_or_token_of_one_channel_is_nothing_at_another(channels: Channels) -> None:
    """Neither opens the neighbour's messages."""
    one, other = channels.by_name["site_130802"], channels.by_name["site_130803"]
    assert token(other, credentials=one).status_code == 401
    assert page(other, token(one).json()["access_token"]).status_code == 401


def test_the_messages_of_a_sub_site_are_about_its_county(channels: Channels) -> None:
    """The division is its own, and so is the region in the code of the unit that handles them."""
    for county in places.counties():
        site = channels.by_name[f"site_{county.code}"]
        bad = {key for key, _ in site.bad[POST]}
        good = [row for row in site.rows(POST) if (row["message_id"],) not in bad]
        assert len(good) == POSTS
        assert {row["division"] for row in good} == {f"{county.code}000000"}
        assert {row["handling_unit"][2:8] for row in good} == {county.code}
        assert [row for row in good if identity.uscc("11", county.code, row["handling_unit"][8:17]) != row["handling_unit"]] == []  # fmt: skip


def test_app_and_wechat_are_of_the_whole_city(channels: Channels) -> None:
    """Their messages are about many counties and about the city itself."""
    for name in ("app", "wechat"):
        found = {row["division"] for row in channels.by_name[name].rows(POST)}
        assert "130800000000" in found
        assert len(found) > 5


def test_only_a_forwarded_message_is_held_twice(channels: Channels) -> None:
    """WeChat holds one that the app holds too, and tells that this is bad; all other numbers are of one channel."""
    held = Counter(row["message_id"] for channel in channels.by_name.values() for row in channel.rows(POST))
    ((twice, count),) = [(number, times) for number, times in held.items() if times > 1]
    assert count == 2
    assert channels.by_name["wechat"].bad[POST] == [((twice,), CLAIMED)]
    assert twice in {row["message_id"] for row in channels.by_name["app"].rows(POST)}


def test_the_sub_sites_share_the_known_faults(channels: Channels) -> None:
    """Each is at one of them; so much is bad at none that its figures were about nothing else."""
    found = [rule for name in SITES for _, rule in channels.by_name[name].bad[POST]]
    assert sorted(found) == sorted(messages.breakable(POST))
    assert all(len(channels.by_name[name].bad[POST]) <= 3 for name in SITES)
    assert channels.by_name["app"].bad[POST] == []


def test_life_goes_round() -> None:
    """Each turn brings a message by another channel; when its turn comes again, that one is answered at the official site."""
    with Channels() as channels, WebSite(posts=20, replies=5, elsewhere=channels.answered) as site:
        channels.desk = site
        before = {name: len(channel.rows(POST)) for name, channel in channels.by_name.items()}
        for _ in channels.by_name:
            channels.live()
        assert {name: len(c.rows(POST)) - before[name] for name, c in channels.by_name.items()} == dict.fromkeys(before, 1)  # fmt: skip
        known = {row["message_id"] for row in site.rows(REPLY)}
        assert {row["message_id"] for row in channels.answered()} <= known
        channels.live()
        (answered,) = {row["message_id"] for row in site.rows(REPLY)} - known
        states = {row["message_id"]: row["state"] for row in channels.by_name["site_130802"].rows(POST)}
        assert states[answered] == "3"


def test_stopped_channels_come_back_as_they_were(tmp_path: Path) -> None:
    """Same addresses, clients and messages; a stopped house refuses connections and leaves no thread."""
    running = _threads()
    with Channels(tmp_path) as channels:
        before: dict[str, Any] = {name: (c.dsn, c.rows(POST)) for name, c in channels.by_name.items()}
        channels.stop()
        with pytest.raises(requests.ConnectionError):
            token(channels.by_name["app"])
        channels.start()
        assert token(channels.by_name["app"]).status_code == 200
    with Channels(tmp_path) as again:
        assert {name: (c.dsn, c.rows(POST)) for name, c in again.by_name.items()} == before
    assert _threads() == running
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.sqlite")} == {0o600}


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "channels"}
