"""REST platforms on loopback, sleeps that do not wait, and certificates of a throw-away authority."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors import http_peer
from tests.integration.connectors.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """Yield a platform that listens in clear."""
    listening = Site()
    yield listening
    listening.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the waits that were asked for; none is slept."""
    asked: list[float] = []
    monkeypatch.setattr(http_peer, "_sleep", asked.append)
    return asked


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ca.pem, and server and client as .pem and .key; the server is called localhost."""
    folder = tmp_path_factory.mktemp("tls")
    ca = _issue(folder, "ca", None)
    for name in ("server", "client"):
        _issue(folder, name, ca)
    _issue(folder, "stranger", None)
    return folder


@pytest.fixture
def secure_site(certificates: Path) -> Iterator[Site]:
    """Yield a platform that listens with TLS."""
    listening = Site(_tls(certificates))
    yield listening
    listening.close()


@pytest.fixture
def mutual_site(certificates: Path) -> Iterator[Site]:
    """Yield a platform that wants a certificate of its client."""
    tls = _tls(certificates)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(certificates / "ca.pem")
    listening = Site(tls)
    yield listening
    listening.close()


def _tls(folder: Path) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "server.pem", folder / "server.key")
    return tls


def _issue(folder: Path, name: str, ca: Any) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    issuer, signer = (ca[0].subject, ca[1]) if ca else (subject, key)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        .add_extension(x509.BasicConstraints(ca=ca is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )  # fmt: skip
    pem, no_password = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / f"{name}.pem").write_bytes(made.public_bytes(pem))
    (folder / f"{name}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, no_password))
    return made, key
