"""Hands WAL to a server in recovery, one segment as it asks for it: however much is stored, little lies on the disk.

The server's restore command leaves a wish in a folder and waits; here the segment is fetched, opened and laid there, or it
is said that there is none. The server then needs no key, and no way to the repository.
"""

from __future__ import annotations

import os
import shlex
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from backup.physical import lsn
from gateway.errors import GatewayError, RestoreFailed

_POLL = 0.02
# A wish whose server or feeder is gone is not waited for: the folder of the feeder's process tells.
_SCRIPT = """\
#!/bin/sh
touch {folder}/want/"$1" || exit 1
while [ -d /proc/{pid} ]; do
  [ -e {folder}/have/"$1" ] && exec mv {folder}/have/"$1" "$2"
  [ -e {folder}/none/"$1" ] && {{ rm -f {folder}/none/"$1"; exit 1; }}
  sleep 0.02
done
exit 1
"""
Fetch = Callable[[str, Path], Path | None]


class Feeder:
    """Serves wishes while its block runs; `fetch(name, folder)` returns a file in the folder, or None when there is none."""

    def __init__(self, folder: Path, fetch: Fetch, owner: tuple[int, int] | None) -> None:
        """Make the folders; `owner` is the user of the server where that is another than ours."""
        self.folder, self._fetch, self._owner = folder, fetch, owner
        self.error: GatewayError | None = None
        self.served: list[str] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="wal feeder", daemon=True)
        for name in ("want", "have", "none", "open"):
            (folder / name).mkdir(parents=True, mode=0o700)
        script = folder / "restore.sh"
        script.write_text(_SCRIPT.format(folder=shlex.quote(str(folder)), pid=os.getpid()))
        script.chmod(0o755)
        if owner:
            for path in (folder, *folder.iterdir()):
                os.chown(path, *owner)
        self.command = f"{shlex.quote(str(script))} %f %p"

    def __enter__(self) -> Feeder:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, and remove what lies there."""
        self._done.set()
        self._thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _serve(self) -> None:
        while not self._done.is_set():
            for wish in sorted((self.folder / "want").iterdir()):
                wish.unlink()
                self._answer(wish.name)
            time.sleep(_POLL)

    def _answer(self, name: str) -> None:
        try:
            found = self._fetch(name, self.folder / "open") if lsn.known(name) and self.error is None else None
        except GatewayError as error:
            self.error, found = error, None
        except OSError as error:
            self.error, found = RestoreFailed(f"unable to lay out WAL: {error.strerror}", "Free space there."), None
        if found is None:
            (self.folder / "none" / name).touch()
            return
        if self._owner:
            os.chown(found, *self._owner)
        found.rename(self.folder / "have" / name)
        self.served.append(name)
