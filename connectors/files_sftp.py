"""A folder behind SFTP. The server's key is compared with declared fingerprints; it is never taken on trust."""

from __future__ import annotations

import base64
import hashlib
import socket
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypeVar, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import paramiko

from connectors.files_sftp_read import Ahead
from connectors.files_store import PART, leaves, malformed, temporary, vanished
from gateway.errors import AccessDenied, CatalogInvalid, PlatformUnavailable, SchemaMismatch, SettingMissing
from gateway.model import Platform

T = TypeVar("T")
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Login:
    """Where to connect, and as whom; never shown."""

    host: str
    port: int
    folder: str
    user: str = field(repr=False)
    password: str | None = field(repr=False)
    key: str | None = field(repr=False)


def remote(platform: Platform, dsn: str) -> SftpStore:
    """Return the folder of a DSN; SettingMissing when it cannot be used, CatalogInvalid without fingerprints."""
    keys = platform.options.get("host_keys")
    if not keys:
        raise CatalogInvalid(
            f"platform {platform.platform}: options.host_keys is missing",
            "Write the fingerprints of its server, SHA256:…, as its owner tells them; `ssh-keygen -lf` shows them there.",
        )
    try:
        login = _parsed(dsn)
    except ValueError:
        login = None
    if login is None:
        raise malformed(platform)
    return SftpStore(platform.platform, login, frozenset(keys), _key(platform, login))


def _parsed(dsn: str) -> Login | None:
    parts = urlsplit(dsn)
    query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)) if parts.query else {}
    password = unquote(parts.password, errors="strict") if parts.password else None
    if parts.scheme != "sftp" or not parts.hostname or not parts.username or parts.fragment or set(query) - {"key"}:
        return None
    if not (password or query.get("key")):
        return None
    user = unquote(parts.username, errors="strict")
    return Login(parts.hostname, parts.port or 22, unquote(parts.path) or ".", user, password, query.get("key"))


def _key(platform: Platform, login: Login) -> paramiko.PKey | None:
    if login.key is None:
        return None
    try:
        return paramiko.PKey.from_path(Path(login.key))
    except (OSError, ValueError, paramiko.SSHException):
        raise SettingMissing(
            f"the connection of platform {platform.platform} names a key file that cannot be used",
            "key is a private key that the gateway may read, without a password.",
        ) from None


class _Guarded:
    """A file to write whose own errors are the platform's, so that those of who fills it stay theirs."""

    def __init__(self, out: paramiko.SFTPFile, errors: Callable[[], AbstractContextManager[None]]) -> None:
        self._out, self._errors = out, errors

    def write(self, data: bytes) -> int:
        """Write all of it."""
        with self._errors():
            self._out.write(data)
        return len(data)


class SftpStore:
    """A folder behind SFTP; connects when it is first needed."""

    def __init__(self, platform: str, login: Login, host_keys: frozenset[str], key: paramiko.PKey | None) -> None:
        """Keep where it is."""
        self._platform, self._login, self._host_keys, self._key = platform, login, host_keys, key
        self._transport: paramiko.Transport | None = None
        self._opened: paramiko.SFTPClient | None = None

    def names(self, folder: str) -> Mapping[str, int]:
        """Return the regular files of a folder, with their sizes."""
        with self.errors("list its files"):
            entries = self._sftp.listdir_iter(self._folder(folder) or "/")
            return {
                e.filename: e.st_size or 0
                for e in entries
                if stat.S_ISREG(e.st_mode or 0) and not e.filename.endswith(PART)
            }

    def open(self, folder: str, name: str) -> BinaryIO:
        """Return a regular file to read."""
        with self.errors(f"open {name}"):
            path = f"{self._folder(folder)}/{name}"
            try:
                found = self._sftp.lstat(path)
                if not stat.S_ISREG(found.st_mode or 0):
                    raise AccessDenied(f"{name} of platform {self._platform} is no file", "Put a file there.")
                opened = Ahead(self._sftp.open(path, "rb"), found.st_size or 0)
            except FileNotFoundError:
                raise vanished(self._platform, name) from None
            return cast("BinaryIO", opened)

    def write(self, folder: str, name: str, fill: Callable[[BinaryIO], T]) -> T:
        """Write a file under a temporary name and rename it."""
        with self.errors(f"write {name}"):
            place = self._folder(folder)
            part = f"{place}/{temporary(name)}"
            out = self._sftp.open(part, "wbx")
            out.set_pipelined(True)
        try:
            done = fill(cast("BinaryIO", _Guarded(out, lambda: self.errors(f"write {name}"))))
            with self.errors(f"write {name}"):
                out.close()
            with self.errors(f"rename {name}"):
                self._sftp.posix_rename(part, f"{place}/{name}")
        except BaseException:
            with suppress(Exception):
                out.close()
                self._sftp.remove(part)
            raise
        return done

    def close(self) -> None:
        """Close the connection; may be called twice."""
        if self._transport is not None:
            self._transport.close()
        self._transport = self._opened = None

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """Turn what the server says, or does not say any more, into the gateway's errors; its words are not repeated."""
        try:
            yield
        except (PermissionError, paramiko.AuthenticationException):
            raise AccessDenied(
                f"platform {self._platform} does not let the gateway {doing}",
                "Ask its owner for the account's password or key, and for the right to read and write the folder.",
            ) from None
        except (OSError, EOFError, paramiko.SSHException):
            self.close()
            raise PlatformUnavailable(
                f"unable to {doing} of platform {self._platform}",
                "Is the server up, the folder there, the network whole?",
            ) from None

    def _folder(self, folder: str) -> str:
        """Return a folder's path; what leads out of the connection's folder by a symlink is refused."""
        root = self._sftp.normalize(self._login.folder).rstrip("/")
        found = self._sftp.normalize(f"{root}/{folder}").rstrip("/")
        if found != root and not found.startswith(f"{root}/"):
            raise leaves(self._platform, folder)
        return found

    @property
    def _sftp(self) -> paramiko.SFTPClient:
        if self._opened is None:
            self._opened = self._connected()
        return self._opened

    def _connected(self) -> paramiko.SFTPClient:
        login = self._login
        line = socket.create_connection((login.host, login.port), timeout=_SECONDS)
        self._transport = transport = paramiko.Transport(line)
        transport.banner_timeout = transport.auth_timeout = transport.channel_timeout = _SECONDS
        transport.start_client(timeout=_SECONDS)
        self._check(transport.get_remote_server_key())
        if self._key is not None:
            transport.auth_publickey(login.user, self._key)
        else:
            transport.auth_password(login.user, login.password or "", fallback=False)
        channel = transport.open_session(timeout=_SECONDS)
        channel.settimeout(_SECONDS)
        channel.invoke_subsystem("sftp")
        return paramiko.SFTPClient(channel)

    def _check(self, key: paramiko.PKey) -> None:
        """Refuse a server whose key is not one of the declared, before any credential is sent."""
        digest = hashlib.sha256(key.asbytes()).digest()
        if "SHA256:" + base64.b64encode(digest).decode().rstrip("=") not in self._host_keys:
            self.close()
            raise SchemaMismatch(
                f"the server of platform {self._platform} shows a key that is not declared",
                "Ask its owner whether the key was changed, and only then mend options.host_keys; nothing was sent.",
            )
