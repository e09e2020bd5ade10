"""The channels by which citizens write beside the official site: twelve sub-sites, the mobile app, government WeChat.

One server answers for all of them. Each has the official site's interface below a path of its own, with its own client,
tokens, pace and messages; none is known at another's path. What came by them is answered at the official site, and the
answers come back to each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from itertools import cycle
from pathlib import Path
from types import TracebackType

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox import places
from sandbox.house import House
from sandbox.messages import POST, Row
from sandbox.places import County
from sandbox.web import ANSWERED, SEED, WebSite

POSTS = 40
CLAIMED = "key.claimed"
AWAY = "site_130828"  # whose home page does not open; its interface does
_NONE = slice(0)


class Channel(WebSite):
    """The interface of one channel; the server is the house's."""

    name = "channel"

    def __init__(
        self, house: House, path: Path | None, base: str, seed: int, *, at: County | None = None,
        faults: slice = _NONE, forwarded: Row | None = None,
    ) -> None:  # fmt: skip
        """Take who serves it; `forwarded` is a message that another channel holds too."""
        self._house, self._forwarded = house, forwarded
        super().__init__(path, seed=seed, posts=POSTS, replies=0, base=base, at=at, faults=faults)

    @property
    def port(self) -> int:
        """Return the house's port."""
        return self._house.port

    @property
    def routes(self) -> list[Route]:
        """Return what the house serves for it."""
        return self._routes()

    @property
    def answered(self) -> list[Row]:
        """Return the good messages that have an answer."""
        bad = {key for key, _ in self.bad[POST]}
        return [row for row in self.rows(POST) if row["state"] in ANSWERED and (row["message_id"],) not in bad]

    def live(self) -> None:
        """Let a citizen write."""
        self._latest = str(self.add_post()["message_id"])

    def settle(self) -> Row | None:
        """Mark the message that came last as answered, and return it; None when there is none yet."""
        return self.edit(POST, (self._latest,), state="3") if self._latest else None

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def _fill(self, posts: int, replies: int) -> None:
        super()._fill(posts, replies)
        if self._forwarded is not None:
            self._write_bad(POST, CLAIMED, self._forwarded)


class Channels(House):
    """The stand-in channels on 127.0.0.1, in a thread of their owner's process; a context manager."""

    name = "channels"

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder that keeps everything (default: memory); fill those that are new."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        super().__init__(self._file("channels"), lambda: None)
        self.by_name: Mapping[str, Channel] = dict(self._made())
        self._turn = cycle(self.by_name.values())
        self.desk: WebSite | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and let go of every file."""
        with ExitStack() as closing:
            for channel in self.by_name.values():
                closing.callback(channel.close)
            super().__exit__(kind, error, trace)

    @property
    def by_connection(self) -> dict[str, Channel]:
        """Return each by the name of its connection."""
        return {name.upper(): channel for name, channel in self.by_name.items()}

    def told(self) -> str:
        """Return in a line where they answer and what they hold."""
        held = sum(len(channel.rows(POST)) for channel in self.by_name.values())
        return f"{len(self.by_name)} channels answer at http://127.0.0.1:{self.port}: {held:,} messages"

    def live(self) -> None:
        """Let a citizen write by one of them, and an office answer at the `desk`, if there is one, what came by it before."""
        channel = next(self._turn)
        if self.desk is not None and (before := channel.settle()):
            self.desk.answer(before)
        channel.live()

    def answered(self) -> Iterator[Row]:
        """Yield the good messages of all that have an answer."""
        for channel in self.by_name.values():
            yield from channel.answered

    @property
    def connections(self) -> dict[str, str]:
        """Return the address of each as GATEWAY_CONN_<NAME> holds it, by that name, and the address of their home pages."""
        pages = {"LINKS": f"http://127.0.0.1:{self.port}"}
        return pages | {name: channel.dsn for name, channel in self.by_connection.items()}

    def _routes(self) -> list[Route]:
        homes = [Route(f"/{name.removeprefix('site_')}/", self._home(name)) for name in self.by_name]
        moved = Route("/130823/", lambda _: RedirectResponse("/130881/", HTTPStatus.MOVED_PERMANENTLY))
        return [*(route for channel in self.by_name.values() for route in channel.routes), *homes, moved]

    def _home(self, name: str) -> Callable[[Request], Response]:
        """Return what shows a channel's home page to everybody; one of them is away."""

        def home(_: Request) -> Response:
            if name == AWAY:
                return PlainTextResponse("网站维护", HTTPStatus.SERVICE_UNAVAILABLE)
            return HTMLResponse(f"<!doctype html><title>{name}</title>")

        return home

    def _made(self) -> Iterator[tuple[str, Channel]]:
        """Yield every channel; together the sub-sites hold each of the known faults once."""
        counties = sorted(places.counties(), key=lambda county: county.code)
        for place, county in enumerate(counties):
            name = f"site_{county.code}"
            faults = slice(place, None, len(counties))
            yield name, self._channel(name, f"/{county.code}/api", int(county.code), at=county, faults=faults)
        app = self._channel("app", "/app/api", 1)
        yield "app", app
        yield "wechat", self._channel("wechat", "/wechat/api", 2, forwarded=app.rows(POST)[0])

    def _channel(
        self, name: str, base: str, number: int, *, at: County | None = None, faults: slice = _NONE,
        forwarded: Row | None = None,
    ) -> Channel:  # fmt: skip
        return Channel(self, self._file(name), base, SEED + number, at=at, faults=faults, forwarded=forwarded)

    def _file(self, name: str) -> Path | None:
        return self._folder and self._folder / f"{name}.sqlite"
