"""A folder behind SFTP. The server's key is compared with the address's fingerprints; it is never taken on trust."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import paramiko
from fsspec.implementations.sftp import SFTPFileSystem
from fsspec.spec import AbstractFileSystem

from backup.repositories.address import Address, malformed
from backup.repositories.files import unavailable
from gateway.errors import RepositoryRefused, SettingMissing

_SECONDS = 20.0
_STEP = 1 << 20
_AHEAD = 64  # requests under way: two megabytes


def open_folder(address: Address) -> SftpMedium:
    """Return the folder of `sftp://user:password@host/folder?host_key=SHA256:…`; `key=/file` names a private key."""
    pins = address.query.get("host_key", [])
    if not (address.host and address.user and (address.password or address.one("key"))):
        raise malformed()
    if not pins or not all(pin.startswith("SHA256:") for pin in pins):
        raise malformed("the address of an SFTP repository names no host_key=SHA256:… to know its server by")
    return SftpMedium(address, _Pinned(frozenset(pin.rstrip("=") for pin in pins)))


class _Unknown(paramiko.SSHException):
    """The server shows another key than the address names."""


class _Pinned(paramiko.MissingHostKeyPolicy):
    """Knows a server by its key's fingerprint; asked before any credential is sent."""

    def __init__(self, pins: frozenset[str]) -> None:
        self._pins = pins

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        """Refuse a key that is not pinned."""
        digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
        if f"SHA256:{digest}" not in self._pins:
            raise _Unknown


class SftpMedium:
    """A folder behind SFTP; connects when it is first needed, and again after a cut."""

    def __init__(self, address: Address, pinned: _Pinned) -> None:
        """Keep where it is."""
        self.root = address.path.rstrip("/")
        self._address, self._pinned = address, pinned
        self._fs: SFTPFileSystem | None = None

    @property
    def fs(self) -> AbstractFileSystem:
        """Return the file system, connected."""
        if self._fs is None:
            self._fs = SFTPFileSystem(
                self._address.host, port=self._address.port or 22, username=self._address.user,
                host_key_policy=self._pinned, allow_agent=False, look_for_keys=False, timeout=_SECONDS,
                banner_timeout=_SECONDS, auth_timeout=_SECONDS, channel_timeout=_SECONDS, skip_instance_cache=True,
                **self._credentials(),
            )  # fmt: skip
            self._fs.ftp.get_channel().settimeout(_SECONDS)
        return self._fs

    def extend(self, path: str, source: BinaryIO, reached: Callable[[int], None]) -> None:  # noqa: ARG002 - read at the end
        """Write without waiting for the answer to each step; all of them are heard before it ends."""
        with self._ftp.open(path, "ab") as out:
            out.set_pipelined(True)
            while step := source.read(_STEP):
                out.write(step)

    def read(self, path: str) -> Any:
        """Return a file to read, some of it asked for ahead."""
        file = self._ftp.open(path, "rb")
        file.prefetch(file.stat().st_size, max_concurrent_requests=_AHEAD)
        return file

    def read_back(self, path: str) -> Any:
        """Return a file to read; nothing of it is kept on this side."""
        return self.read(path)

    def publish(self, part: str, path: str, *, replace: bool) -> None:
        """Rename; the plain rename of the protocol refuses a name that is taken, but says no more than that it failed."""
        if replace:
            self._ftp.posix_rename(part, path)
            return
        try:
            self._ftp.rename(part, path)
        except OSError:
            if self.fs.exists(path):
                raise FileExistsError(path) from None
            raise

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what the server says, or does not say any more, into the gateway's errors; its words are not repeated."""
        try:
            yield
        except FileNotFoundError:
            raise
        except _Unknown:
            self.close()
            raise RepositoryRefused(
                "the server of an SFTP repository shows another key than its address names",
                "Ask its owner whether the key was changed, and only then mend host_key; nothing was sent.",
            ) from None
        except (PermissionError, paramiko.AuthenticationException):
            self.close()
            raise RepositoryRefused(
                f"an SFTP repository does not let the gateway {doing}",
                "Ask its owner for the account's password or key, and for the right to write to the folder.",
            ) from None
        except (OSError, EOFError, paramiko.SSHException):
            self.close()
            raise unavailable(doing, "it broke off or is full") from None

    def close(self) -> None:
        """Close the connection; may be called twice."""
        if self._fs is not None:
            with suppress(Exception):
                self._fs.client.close()
        self._fs = None

    @property
    def _ftp(self) -> Any:
        return self.fs.ftp

    def _credentials(self) -> dict[str, Any]:
        if (path := self._address.one("key")) is None:
            return {"password": self._address.password}
        try:
            return {"pkey": paramiko.PKey.from_path(Path(path))}
        except (OSError, ValueError, paramiko.SSHException):
            raise SettingMissing(
                "the address of an SFTP repository names a key file that cannot be used",
                "key is a private key that the gateway may read, without a password.",
            ) from None
