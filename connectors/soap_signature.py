"""WS-Security signature of a request: its body, its time and its tokens, by the certificate of the connection.

X.509 token profile with a BinarySecurityToken: exclusive canonical XML, SHA-256, RSA PKCS #1.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from lxml import etree
from zeep.wsse.utils import get_security_header

from connectors.http_address import Address
from gateway.errors import SettingMissing
from gateway.model import Platform

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_WSSE, _WSU = f"{_OASIS}wssecurity-secext-1.0.xsd", f"{_OASIS}wssecurity-utility-1.0.xsd"
_X509, _BASE64 = f"{_OASIS}x509-token-profile-1.0#X509v3", f"{_OASIS}soap-message-security-1.0#Base64Binary"
_DS, _C14N = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/10/xml-exc-c14n#"
_SHA256, _RSA_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
_ID = f"{{{_WSU}}}Id"
_VALID = timedelta(minutes=5)


class Signature:
    """Signs envelopes as zeep asks for it, after all other tokens are in the header."""

    def __init__(self, platform: Platform, address: Address) -> None:
        """Load key and certificate; SettingMissing when the connection has none that can sign."""
        found = _loaded(address)
        if found is None:
            raise SettingMissing(
                f"the connection of platform {platform.platform} has no certificate that can sign",
                "Write ?cert=/path&key=/path into it: PEM files, an RSA key without password.",
            )
        self._key, self._certificate = found

    def apply(self, envelope: Any, headers: Any) -> tuple[Any, Any]:
        """Return the envelope, signed, and the headers of HTTP as they are."""
        security = get_security_header(envelope)  # type: ignore[no-untyped-call]
        token = _below(security, _WSSE, "BinarySecurityToken", self._certificate, EncodingType=_BASE64, ValueType=_X509)
        _stamp(security)
        signed = [envelope.find("{*}Body"), *security]
        for part in signed:
            part.set(_ID, f"id-{secrets.token_hex(16)}")
        self._sign(security, signed, token.get(_ID))
        return envelope, headers

    def verify(self, envelope: Any) -> Any:
        """Return the envelope: replies are not read by zeep, and their signatures are not judged."""
        return envelope

    def _sign(self, security: Any, signed: list[Any], token: str) -> None:
        signature = _below(security, _DS, "Signature")
        info = _below(signature, _DS, "SignedInfo")
        _below(info, _DS, "CanonicalizationMethod", Algorithm=_C14N)
        _below(info, _DS, "SignatureMethod", Algorithm=_RSA_SHA256)
        for part in signed:
            reference = _below(info, _DS, "Reference", URI=f"#{part.get(_ID)}")
            _below(_below(reference, _DS, "Transforms"), _DS, "Transform", Algorithm=_C14N)
            _below(reference, _DS, "DigestMethod", Algorithm=_SHA256)
            _below(reference, _DS, "DigestValue", b64encode(sha256(_canonical(part)).digest()).decode())
        value = self._key.sign(_canonical(info), padding.PKCS1v15(), hashes.SHA256())
        _below(signature, _DS, "SignatureValue", b64encode(value).decode())
        named = _below(_below(signature, _DS, "KeyInfo"), _WSSE, "SecurityTokenReference")
        _below(named, _WSSE, "Reference", URI=f"#{token}", ValueType=_X509)


def _loaded(address: Address) -> tuple[RSAPrivateKey, str] | None:
    """Return the key and the certificate of a connection."""
    if address.cert is None:
        return None
    cert, key = (address.cert, address.cert) if isinstance(address.cert, str) else address.cert
    try:
        private = load_pem_private_key(Path(key).read_bytes(), password=None)
        certificate = load_pem_x509_certificate(Path(cert).read_bytes())
    except (OSError, ValueError, TypeError):
        return None
    if not isinstance(private, RSAPrivateKey):
        return None
    return private, b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _stamp(security: Any) -> None:
    now, stamp = datetime.now(UTC), _below(security, _WSU, "Timestamp")
    for name, at in (("Created", now), ("Expires", now + _VALID)):
        _below(stamp, _WSU, name, f"{at:%Y-%m-%dT%H:%M:%SZ}")


def _below(parent: Any, namespace: str, name: str, text: str | None = None, **attributes: str) -> Any:
    made = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    made.text = text
    return made


def _canonical(element: Any) -> bytes:
    return bytes(etree.tostring(element, method="c14n", exclusive=True, with_comments=False))
