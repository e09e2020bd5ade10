"""A real SFTP server on 127.0.0.1 in a thread: two accounts, one folder, and faults on demand."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import paramiko
from paramiko.sftp import SFTP_FAILURE, SFTP_OK, SFTP_PERMISSION_DENIED

PASSWORD = "p@ss:wörd/?#"
_KEY = paramiko.RSAKey.generate(2048)


class SftpSite:
    """Serves a folder; `reader` may read and write, `stranger` may log in. `cut_after` bytes read, the line is cut.

    `silent_after` bytes nothing more is answered; each piece comes after a `pause`.

    While it is `read_only` nobody may write.
    """

    def __init__(self, root: Path) -> None:
        """Listen."""
        self.root, self.cut_after, self.sent, self.read_only = root, 0, 0, False
        self.silent_after, self.pause, self.stopped = 0, 0.0, threading.Event()
        self.fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(_KEY.asbytes()).digest()).decode().rstrip("=")
        self.passwords: list[str] = []
        self._transports: list[paramiko.Transport] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> SftpSite:
        """Answer."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        self.cut()

    def cut(self) -> None:
        """Drop every connection."""
        for transport in self._transports:
            transport.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                transport = paramiko.Transport(line)
                transport.add_server_key(_KEY)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, self)
                self._transports.append(transport)
                with contextlib.suppress(paramiko.SSHException, EOFError):
                    transport.start_server(event=threading.Event(), server=_Accounts(self))


class _Accounts(paramiko.ServerInterface):
    """Two accounts with one password."""

    def __init__(self, site: SftpSite) -> None:
        self.site, self.user = site, ""

    def check_auth_password(self, username: str, password: str) -> int:
        self.site.passwords.append(password)
        self.user = username
        return paramiko.AUTH_SUCCESSFUL if password == PASSWORD else paramiko.AUTH_FAILED

    def get_allowed_auths(self, _: str) -> str:
        return "password"

    def check_channel_request(self, *_: Any) -> int:
        return paramiko.OPEN_SUCCEEDED


class _Files(paramiko.SFTPServerInterface):
    """The folder, as far as the protocol is used."""

    def __init__(self, server: _Accounts, site: SftpSite, *_: Any, **__: Any) -> None:
        super().__init__(server)
        self._site, self._denied = site, server.user != "reader"

    def _path(self, path: str) -> Path:
        return self._site.root / path.lstrip("/")

    def canonicalize(self, path: str) -> str:
        found = os.path.realpath(self._path(os.path.normpath(f"/{path}")))
        inside = os.path.relpath(found, os.path.realpath(self._site.root))
        return "/" if inside == "." else os.path.normpath(f"/{inside}") if not inside.startswith("..") else found

    def list_folder(self, path: str) -> Any:
        if self._denied:
            return SFTP_PERMISSION_DENIED
        try:
            return [paramiko.SFTPAttributes.from_stat(p.lstat(), p.name) for p in self._path(path).iterdir()]
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def stat(self, path: str) -> Any:
        return self.lstat(path)

    def lstat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(self._path(path).lstat())
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    def open(self, path: str, flags: int, _: Any) -> Any:
        if self._denied or (self._site.read_only and flags & os.O_WRONLY):
            return SFTP_PERMISSION_DENIED
        try:
            file = os.fdopen(os.open(self._path(path), flags, 0o600), "wb" if flags & os.O_WRONLY else "rb")
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = _Handle(flags)
        handle.site, handle.readfile, handle.writefile = self._site, file, file
        return handle

    def remove(self, path: str) -> int:
        self._path(path).unlink()
        return SFTP_OK

    def posix_rename(self, oldpath: str, newpath: str) -> int:
        try:
            self._path(oldpath).replace(self._path(newpath))
        except OSError:
            return SFTP_FAILURE
        return SFTP_OK


class _Handle(paramiko.SFTPHandle):
    """An open file; the line is cut when enough was read."""

    site: SftpSite
    readfile: Any
    writefile: Any

    def stat(self) -> Any:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.readfile.fileno()))

    def read(self, offset: int, length: int) -> Any:
        self.site.stopped.wait(self.site.pause)
        data = super().read(offset, length)
        self.site.sent += len(data) if isinstance(data, bytes) else 0
        if 0 < self.site.silent_after < self.site.sent:
            self.site.stopped.wait()
        if 0 < self.site.cut_after < self.site.sent:
            self.site.cut()
        return data
