"""WS-Security signatures of requests: what is signed, that it verifies, and what cannot sign."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from gateway.errors import SettingMissing
from tests.integration.connectors import soap_receiver
from tests.integration.connectors.receiver import batch, message
from tests.integration.connectors.site import CREDENTIALS, POST, Site
from tests.integration.connectors.soap_receiver import Receiver, writer

OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
ID = f"{{{OASIS}wssecurity-utility-1.0.xsd}}Id"
ODD = "a<b>&\r\n\t承德𠂇'\"]]>"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an RSA certificate of its own, signer.pem and signer.key."""
    folder, key = tmp_path_factory.mktemp("signer"), rsa.generate_private_key(65_537, 2048)
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "signer.pem").write_bytes(made.public_bytes(pem))
    (folder / "signer.key").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return folder


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a catalog with the WSDL."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    soap_receiver.place(tmp_path)
    return tmp_path


def sent(site: Site, certificates: Path, signer: Path, auth: Any, credentials: str = "") -> bytes:
    """Write a row and return the request as it arrived."""
    files = f"?ca={certificates / 'ca.pem'}&cert={signer / 'signer.pem'}&key={signer / 'signer.key'}"
    Receiver(site)
    dsn = f"{site.dsn(credentials, '/services/push', 'https', 'localhost')}{files}"
    with writer(site, auth=auth, dsn=dsn) as target:
        assert target.write(POST, batch([message(1, ODD)])).inserted == 1
    return site.seen[-1].body


def canonical(element: Any) -> bytes:
    """Return exclusive canonical XML."""
    return bytes(etree.tostring(element, method="c14n", exclusive=True))


def verified(body: bytes) -> list[str]:
    """Return the names of the parts whose signature holds; InvalidSignature when one does not."""
    root = etree.fromstring(body)
    certificate = x509.load_der_x509_certificate(b64decode(root.findtext(".//{*}BinarySecurityToken")))
    key = certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    info = root.find(".//{*}SignedInfo")
    value = b64decode(root.findtext(".//{*}SignatureValue"))
    key.verify(value, canonical(info), padding.PKCS1v15(), hashes.SHA256())
    parts = {e.get(ID): e for e in root.iter() if e.get(ID)}
    names = []
    for reference in info.iterfind("{*}Reference"):
        part = parts[reference.get("URI")[1:]]
        if sha256(canonical(part)).digest() != b64decode(reference.findtext("{*}DigestValue")):
            raise InvalidSignature
        names.append(etree.QName(part).localname)
    token = root.find(".//{*}SecurityTokenReference/{*}Reference").get("URI")[1:]
    assert etree.QName(parts[token]).localname == "BinarySecurityToken"
    return names


@pytest.mark.parametrize(
    ("auth", "credentials", "parts"),
    [
        ({"kind": "signature"}, "", ["Body", "BinarySecurityToken", "Timestamp"]),
        (
            {"kind": "username_token", "signed": True},
            CREDENTIALS,
            ["Body", "UsernameToken", "BinarySecurityToken", "Timestamp"],
        ),
    ],
)
def test_body_time_and_tokens_are_signed(
    secure_site: Site, certificates: Path, signer: Path, auth: Any, credentials: str, parts: list[str]
) -> None:
    """The signature holds as it arrives, whatever the values are, and breaks with any change of what it covers."""
    body = sent(secure_site, certificates, signer, auth, credentials)
    assert verified(body) == parts
    for before, after in ((b">130800<", b">130801<"), (b"Created>20", b"Created>21")):
        assert before in body
        with pytest.raises(InvalidSignature):
            verified(body.replace(before, after))
    created, expires = (etree.fromstring(body).findtext(f".//{{*}}Timestamp/{{*}}{n}") for n in ("Created", "Expires"))
    assert datetime.fromisoformat(expires) - datetime.fromisoformat(created) == timedelta(minutes=5)
    assert abs(datetime.fromisoformat(created) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.system
@pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="needs xmlsec1 (apt-get install xmlsec1)")
def test_another_implementation_verifies_it(
    secure_site: Site, certificates: Path, signer: Path, tmp_path: Path
) -> None:
    """The XML Security Library agrees, and does not when the body was changed."""
    body = sent(secure_site, certificates, signer, {"kind": "signature"})
    for content, code in ((body, 0), (body.replace(b">130800<", b">130801<"), 1)):
        (tmp_path / "request.xml").write_bytes(content)
        ids = [part for name in ("Body", "Timestamp", "BinarySecurityToken") for part in ("--id-attr:Id", name)]
        command = ["xmlsec1", "--verify", *ids, "--pubkey-cert-pem", str(signer / "signer.pem"), "request.xml"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=20)
        assert (done.returncode != 0) == bool(code), done.stderr.decode()


@pytest.mark.parametrize("files", ["", "&cert={0}/client.pem&key={0}/client.key"])
def test_connection_that_cannot_sign_is_told(secure_site: Site, certificates: Path, files: str) -> None:
    """Without a certificate, or with one that is not RSA, nothing is sent; the paths are not told."""
    dsn = f"{secure_site.dsn('', '', 'https', 'localhost')}?ca={certificates / 'ca.pem'}{files.format(certificates)}"
    with (
        pytest.raises(SettingMissing, match="no certificate that can sign") as raised,
        writer(secure_site, auth={"kind": "signature"}, dsn=dsn),
    ):
        pass
    assert raised.value.hint
    assert str(certificates) not in f"{raised.value}{raised.value.hint}"
    assert secure_site.seen == []
