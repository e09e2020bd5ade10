"""Real repositories on this machine for tests: an OpenSSH server and an S3 store."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import boto3
import paramiko
from moto.server import ThreadedMotoServer

SECRET = "s3cr3t/+="


class Sshd:
    """OpenSSH's own server on a free port of loopback, for this user's key alone."""

    def __init__(self, folder: Path, *, options: str = "") -> None:
        """Make its keys; `options` are those of its SFTP part."""
        self.folder, self._options = folder, options
        self.key = folder / "client"
        for path in (self.key, folder / "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
        public = paramiko.PKey.from_path(folder / "host")
        digest = hashlib.sha256(public.asbytes()).digest()
        self.fingerprint = "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def __enter__(self) -> Sshd:
        """Start it and wait until it answers."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        Path("/run/sshd").mkdir(exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder / 'host'}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self.key}.pub\nStrictModes no\nPasswordAuthentication no\n"
            f"PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp{self._options}\n"
        )
        program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "sshd"
        self._process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise TimeoutError("sshd does not answer")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(10)

    def url(self, folder: Path, pin: str | None = None) -> str:
        """Return the address of a folder."""
        user = os.environ.get("USER") or subprocess.check_output(["id", "-un"], text=True).strip()
        pinned = quote(pin or self.fingerprint, safe="")
        return f"sftp://{user}@127.0.0.1:{self.port}{folder}?host_key={pinned}&key={quote(str(self.key), safe='')}"


class S3Store:
    """An S3 store in this process, with versions and Object Lock."""

    def __init__(self) -> None:
        """Listen on a free port of loopback."""
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        self.host, self.port = self._server.get_host_and_port()
        self.client = boto3.client(
            "s3", endpoint_url=f"http://{self.host}:{self.port}", region_name="us-east-1",
            aws_access_key_id="gateway", aws_secret_access_key=SECRET,
        )  # fmt: skip

    def bucket(self, name: str, *, lock: bool = False) -> str:
        """Make a bucket and return its name."""
        self.client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock)
        return name

    def url(self, bucket: str, query: str = "") -> str:
        """Return the address of a folder of a bucket."""
        return f"s3://gateway:{quote(SECRET, safe='')}@{self.host}:{self.port}/{bucket}/city?tls=off{query}"

    def stop(self) -> None:
        """Stop it."""
        self.client.close()
        self._server.stop()
