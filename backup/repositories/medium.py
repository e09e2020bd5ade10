"""What files lie on: a file system of fsspec, and the little that fsspec has no word for.

`errors` turns whatever is raised inside into RepositoryUnavailable or RepositoryRefused; FileNotFoundError passes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Protocol

from fsspec.spec import AbstractFileSystem


class Medium(Protocol):
    """One folder of one file system."""

    root: str

    @property
    def fs(self) -> AbstractFileSystem:
        """Return the file system; connects when it is not."""
        ...

    def extend(self, path: str, source: BinaryIO, reached: Callable[[int], None]) -> None:
        """Write what is left of a source at a file's end, so that a loss of power cannot undo it; made when not there.

        A medium that can be read while it is written to tells how far what lies there is beyond undoing.
        """
        ...

    def read(self, path: str) -> Any:
        """Return a file to read from its begin to its end."""
        ...

    def read_back(self, path: str) -> Any:
        """Return a file that was just written, to read as the medium holds it and no cache of this machine does."""
        ...

    def publish(self, part: str, path: str, *, replace: bool) -> None:
        """Give a written file its name; FileExistsError when that is taken and may not be replaced."""
        ...

    def errors(self, doing: str) -> AbstractContextManager[None]:
        """Turn what the system or the peer says into the gateway's errors."""
        ...
