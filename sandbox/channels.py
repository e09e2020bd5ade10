"""The channels by which citizens write beside the official site: twelve sub-sites, the mobile app, government WeChat.

One server answers for all of them. Each has the official site's interface below a path of its own, with its own client,
tokens, pace and messages; none is known at another's path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from types import TracebackType

from starlette.routing import Route

from sandbox import places
from sandbox.house import House
from sandbox.messages import POST, Row
from sandbox.places import County
from sandbox.web import SEED, WebSite

POSTS, REPLIES = 40, 20
CLAIMED = "key.claimed"
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
        super().__init__(path, seed=seed, posts=POSTS, replies=REPLIES, base=base, at=at, faults=faults)

    @property
    def port(self) -> int:
        """Return the house's port."""
        return self._house.port

    @property
    def routes(self) -> list[Route]:
        """Return what the house serves for it."""
        return self._routes()

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

    @property
    def connections(self) -> dict[str, str]:
        """Return the address of each as GATEWAY_CONN_<NAME> holds it, by that name."""
        return {name: channel.dsn for name, channel in self.by_connection.items()}

    def told(self) -> str:
        """Return in a line where they answer and what they hold."""
        held = sum(len(channel.rows(POST)) for channel in self.by_name.values())
        return f"{len(self.by_name)} channels answer at http://127.0.0.1:{self.port}: {held:,} messages"

    def live(self) -> None:
        """Let a citizen write by one of them, and an office answer what came by it before."""
        next(self._turn).live()

    def _routes(self) -> list[Route]:
        return [route for channel in self.by_name.values() for route in channel.routes]

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
