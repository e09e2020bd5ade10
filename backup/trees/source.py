"""A tree of files as the source of a backup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from backup.plans import FILES
from backup.survey import Content, Survey, Table
from backup.taking import Taken
from backup.trees.take import Taking
from gateway import settings
from gateway.errors import SourceUnfit

_SCHEMA, _NAME = "tree", "entries"
ENTRIES = f"{_SCHEMA}.{_NAME}"
_KINDS = {"f": "files", "d": "folders", "l": "symlinks", "o": "others"}


class Tree:
    """One reading of a tree, pack by pack. Its moment is that at which it began: nobody holds a tree still."""

    def __init__(
        self, root: Path, spool: Path, exclude: Sequence[str], *, deadline: float, progress: Callable[[str, int], None]
    ) -> None:
        """Take the tree; SourceUnfit when there is no folder."""
        if not root.is_dir():
            raise SourceUnfit(
                f"the tree {root.name or '/'} is no folder of this machine", "Mount it, or mend the path of the plan."
            )
        self._taking = Taking(root, spool, exclude, deadline=deadline)
        self._at, self._progress = settings.now(), progress

    def groups(self) -> Iterator[list[Path]]:
        """Yield each pack as a part of its own, and the index last."""
        for path in self._taking.parts():
            self._progress("read", self._taking.entries)
            yield [path]

    def taken(self) -> Taken:
        """Return the counts and the hash of the index: what the manifest says of a tree, and no name of a file."""
        found = self._taking
        unread = found.kinds["x"]
        content = Content(found.entries, (found.index.hexdigest(), "0"))
        why = "changed each time while they were read, or may not be read: the index names them"
        survey = Survey(
            tables={ENTRIES: (Table(_SCHEMA, _NAME, (), (), found.bytes, 0), content)}, sequences={}, roles={},
            objects={name: found.kinds[kind] for kind, name in _KINDS.items() if found.kinds[kind]},
            large_objects=(0, "0"), not_compared=((f"{unread} entries", why),) if unread else (),
        )  # fmt: skip
        source = {"engine": FILES, "bytes": found.bytes, "stored_bytes": found.stored_bytes}
        return Taken(source, self._at, "", survey)
