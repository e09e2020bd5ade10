"""A deployment whose contacts are reached: a mail server, robots and receivers on loopback, certificates of the test."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.notify import contacts, outbox
from gateway.notify.message import Message
from sandbox.mailbox import Mailbox
from sandbox.robot import Robot
from tests.integration.conftest import City

PERSON = ("张三丰", "zhangsanfeng@gaj.example.gov.cn", "13812345678")  # what nothing but the channel may see


@dataclass
class Post:
    """A city with channels, and a few words for what tests do with them."""

    city: City
    mailbox: Mailbox
    robot: Robot
    patch: pytest.MonkeyPatch

    def contact(self, channel: str = "mail", address: str = PERSON[1], **more: Any) -> int:
        """Add a contact and return its number."""
        return contacts.add(self.city.deployment, "gaj", PERSON[0], channel, address, who="tester", **more)

    def put(self, *to: int, topic: str = "N1.1", purpose: str = "announce", **more: Any) -> list[int | None]:
        """Queue a message for contacts in one transaction."""
        with self.city.deployment.hub() as hub:
            queued = [outbox.put(hub, self.city.deployment.keys, message(topic, **more), c, purpose) for c in to]
        hub.close()
        return queued

    def deliver(self) -> tuple[int, int, int]:
        """Deliver and return how many were sent, wait and were given up."""
        counts = outbox.deliver(self.city.deployment)
        return counts.sent, counts.waiting, counts.dead

    def at(self, hours: float) -> None:
        """Let it be so many hours after the beginning."""
        self.patch.setenv("GATEWAY_NOW", (datetime(2026, 11, 26, 1, tzinfo=UTC) + timedelta(hours=hours)).isoformat())

    def tries(self) -> list[tuple[Any, ...]]:
        """Return every try: message, attempt, whether sent, and the answer."""
        return list(
            self.city.ask("select message, attempt, sent, answer from gateway.outbox_try order by message, attempt")
        )

    def states(self) -> list[str]:
        """Return the state of each message in order."""
        return [state for (state,) in self.city.ask("select state from gateway.outbox order by message")]


def message(topic: str = "N1.1", **more: Any) -> Message:
    """Return a message as a notice sends it."""
    words = {
        "subject": "[结构变更通知] 法人库.市场主体基本信息 12月15日起变更",
        "text": "第一行\n第二行",
        "short": "法人库12月15日起变更，请于12月8日前确认",
    }
    return Message(topic, **{**words, **more})


@pytest.fixture
def post(city: City, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Yield a city whose mail server, robot, receiver and SMS platform answer."""
    with Mailbox(tmp_path / "mail") as mailbox, Robot() as robot:
        monkeypatch.setenv("GATEWAY_CONN_NOTIFY_MAIL", mailbox.dsn)
        for name, dsn in robot.connections.items():
            monkeypatch.setenv(f"GATEWAY_CONN_{name}", dsn)
        found = Post(city, mailbox, robot, monkeypatch)
        found.at(0)
        yield found


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the certificate and key of a server called localhost, signed by itself."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path, pem = tmp_path_factory.mktemp("tls") / "server.pem", serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    """Return what a server with that certificate needs."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    return tls
