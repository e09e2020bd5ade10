"""What a run asks of a kind of source: files to seal, group by group, and afterwards what the source said of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from backup import parts
from backup.survey import Survey


@dataclass(frozen=True, slots=True)
class Taken:
    """What is known of a source at the moment that was taken."""

    source: Mapping[str, Any]
    at: datetime
    lsn: str
    survey: Survey


class Taking(Protocol):
    """One taking of a source."""

    def groups(self) -> Iterator[list[Path]]:
        """Yield the files of one part after the other; who gets them removes them."""
        ...

    def taken(self) -> Taken:
        """Return what was taken, once every group was asked for."""
        ...


class Dumped:
    """A source that was dumped whole before anything of it is sealed."""

    def __init__(self, taken: Taken, files: Sequence[Path]) -> None:
        """Keep what was taken, and the files of the dump."""
        self._taken, self._files = taken, files

    def groups(self) -> Iterator[list[Path]]:
        """Yield the files of each part."""
        return parts.bins(self._files)

    def taken(self) -> Taken:
        """Return what was taken."""
        return self._taken
