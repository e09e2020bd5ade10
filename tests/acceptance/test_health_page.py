"""The page of health: what doctor finds, the worst first, and nothing of an address."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli import doctor_certificates, doctor_hub
from gateway.deployment import Deployment
from tests.acceptance.desk import AUDITOR, BUREAU, ENGINEER, UNIT, Enter, desk, enter
from tests.integration.conftest import City, prepared

__all__ = ["desk", "enter", "prepared"]  # fixtures


def test_the_page_shows_what_doctor_finds(desk: City, enter: Enter) -> None:
    """Hub, ledger, keys, disk, messages, Airflow; platforms only when they are to be asked; no password."""
    text = enter(ENGINEER).get("/health").text
    for words in ("hub durability", "ledger", "sign key", "disk", "messages", "airflow scheduler", "逐个询问平台"):
        assert words in text
    assert "platform pop" not in text
    assert "platform pop" in enter("Admin").get("/health?peers=1").text
    password = urlsplit(desk.deployment.hub_dsn).password
    assert not password or password not in text


@pytest.mark.parametrize("role", [BUREAU, AUDITOR, UNIT])
def test_others_do_not_see_it(enter: Enter, role: str) -> None:
    """Engineers and administrators alone."""
    assert enter(role).get("/health").status_code == 403


def test_a_backlog_of_messages_is_told(desk: City) -> None:
    """Given up, or waiting for more than an hour."""
    contact = desk.ask(
        "insert into gateway.contact (unit, name, title, channel, address) values ('gaj', 'x', 'x', 'mail', 'x@x.invalid') returning contact"
    )[0][0]
    desk.ask(
        "insert into gateway.outbox (topic, contact, purpose, sealed, next_try, queued_at) values ('t', %s, 'p', '', now(), now() - interval '2 hours')",
        (contact,),
    )
    waiting = next(doctor_hub.findings(desk.hub))
    desk.ask("update gateway.outbox set state = 'dead'")
    dead = next(doctor_hub.findings(desk.hub))
    desk.ask("delete from gateway.outbox")
    assert [(f.what, f.state) for f in (waiting, dead, next(doctor_hub.findings(desk.hub)))] == [
        ("messages", "warn"), ("messages", "warn"), ("messages", "ok"),
    ]  # fmt: skip
    assert dead.detail.startswith("1 given up")


SLOTS = [
    (True, "reserved", 1 << 20, "ok"),
    (False, "extended", 2 << 30, "warn"),  # nobody reads it, and the disk fills
    (False, "unreserved", 0, "warn"),  # about to be thrown away
    (False, "lost", 0, "fail"),  # its WAL is gone, so nothing waits
]


@pytest.mark.parametrize(("active", "status", "behind", "state"), SLOTS)
def test_a_slot_is_judged_by_what_waits_behind_it(active: bool, status: str, behind: int, state: str) -> None:
    """WAL that nobody reads is told before it fills the disk."""
    found = doctor_hub._slot({"slot": "gw_wal", "active": active, "status": status, "lag_bytes": behind})
    assert (found.what, found.state) == ("slot gw_wal", state)


@pytest.mark.parametrize(("days", "state"), [(400, "ok"), (20, "warn"), (-1, "fail")])
def test_a_certificate_is_judged_by_its_last_day(desk: City, tmp_path: Path, days: int, state: str) -> None:
    """Of the hub and of each platform, by the file that the connection names; nothing else of it is repeated."""
    key, now = Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=30), now + timedelta(days=days)
    )
    (tmp_path / "ca.pem").write_bytes(made.sign(key, None).public_bytes(Encoding.PEM))
    address = f"https://id:secret@host/base?ca={tmp_path}/ca.pem"
    found = list(doctor_certificates.findings(_with(desk, address)))
    assert [(f.what, f.state, "secret" in f.detail) for f in found] == [("platform pop ca", state, False)]


def test_a_certificate_that_cannot_be_read_fails(desk: City, tmp_path: Path) -> None:
    """By its name; its folder is nobody's business."""
    (found,) = doctor_certificates.findings(_with(desk, f"https://host/base?cert={tmp_path}/gone.pem"))
    assert (found.state, str(tmp_path) in found.detail) == ("fail", False)


def _with(city: City, address: str) -> Deployment:
    return replace(city.deployment, resolve=lambda _: address)
