"""The stand-in platforms that are servers of their own, no tables of a database: as one thing that starts and stops."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from sandbox.app import GuideApp
from sandbox.assess import AssessmentSystem
from sandbox.backups import BackupReports
from sandbox.channels import Channels
from sandbox.document import DocumentLibrary
from sandbox.maps import MapService
from sandbox.portal import Portal
from sandbox.push import PushSystem
from sandbox.share_catalogue import ShareCatalogue
from sandbox.superv import SupervisionSystem
from sandbox.web import WebSite


class Peer(Protocol):
    """What answers for a stand-in platform or more; what it holds, and its address, outlive it in its file or folder."""

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""

    def live(self) -> None:
        """Let a little happen there, as it does all day."""

    def __enter__(self) -> Self:
        """Start."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""


class One(Peer, Protocol):
    """What answers for one platform."""

    @property
    def dsn(self) -> str:
        """Return its address as GATEWAY_CONN_<NAME> holds it."""


# By the name of the connection: what makes the platform in a folder of its own.
KINDS: Mapping[str, Callable[[Path], One]] = {
    "APP_GUIDE": lambda folder: GuideApp(folder / "app_guide.sqlite"),
    "PROV_PORTAL": lambda folder: Portal(folder / "portal.sqlite"),
    "PUSH": lambda folder: PushSystem(folder / "push.sqlite"),
    "ASSESS": lambda folder: AssessmentSystem(folder / "assess.sqlite"),
    "DOCUMENT": lambda folder: DocumentLibrary(folder / "document.sqlite"),
    "SHARE_CATALOGUE": lambda folder: ShareCatalogue(folder / "share_catalogue.sqlite"),
    "SUPERV": lambda folder: SupervisionSystem(folder / "superv.sqlite"),
    "SELF_ZJJ": lambda folder: BackupReports(folder / "self_zjj"),
    "GEO_MAP": lambda folder: MapService(folder / "maps"),
}


class Standins:
    """Every platform of KINDS, the official site and the other channels, below one folder; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Make them, and fill those that are new."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._running = ExitStack()
        self._peers: list[Peer] = []
        self._connections: dict[str, str] = {}

    def __enter__(self) -> Self:
        """Start all; when one does not start, those before it are stopped."""
        with ExitStack() as starting:
            channels = starting.enter_context(Channels(self._folder / "channels"))
            site = starting.enter_context(WebSite(self._folder / "web.sqlite", elsewhere=channels.answered))
            channels.desk = site
            alone: dict[str, One] = {"WEB": site}
            alone |= {name: starting.enter_context(make(self._folder)) for name, make in KINDS.items()}
            self._peers = [*alone.values(), channels]
            self._connections = channels.connections | {name: peer.dsn for name, peer in alone.items()}
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all."""
        self._running.close()

    @property
    def connections(self) -> dict[str, str]:
        """Return the address of each by the name of its connection."""
        return dict(self._connections)

    def told(self) -> list[str]:
        """Return a line for each."""
        return [peer.told() for peer in self._peers]

    def live(self) -> None:
        """Let a little happen at each."""
        for peer in self._peers:
            peer.live()
