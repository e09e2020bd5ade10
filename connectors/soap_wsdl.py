"""Requests of a SOAP platform as its WSDL describes them: zeep makes the envelopes and fetches nothing.

The WSDL is a vetted copy in the catalog and one file; the address in it is never used.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree
from zeep import Client, Settings, Transport
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import Soap12Binding, SoapBinding
from zeep.wsse.username import UsernameToken

from connectors.http_address import Address, basic
from connectors.soap_signature import Signature
from gateway import settings
from gateway.errors import CatalogInvalid, SettingMissing
from gateway.model import Platform

_LONGEST = 300  # characters of zeep's own words in an error
_STRICT = Settings(
    strict=True, xml_huge_tree=False, forbid_dtd=True, forbid_entities=True, forbid_external=True
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """One request: made once and sent once, since a nonce is of no use twice."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Service:
    """A port of a WSDL's service."""

    def __init__(self, platform: Platform, address: Address) -> None:
        """Load the WSDL; CatalogInvalid when that, the service or the port cannot be used."""
        self._platform = platform.platform
        self._url = f"{address.origin}{address.path or '/'}"
        auth = platform.options.get("auth", {"kind": "none"})
        self._headers = {"Authorization": basic(address.user, address.secret)} if auth["kind"] == "basic" else {}
        self.vetted = _content(platform)
        document = _document(platform, self.vetted)
        service, port = _chosen(platform, document)
        self.port = f"{service}/{port}"
        found = document.services[service].ports[port]
        found.binding_options["address"] = self._url  # ours, wherever zeep writes it
        self._binding = found.binding
        self._client = Client(  # type: ignore[no-untyped-call]
            document,
            wsse=_security(platform, address, auth), transport=_Nowhere(), service_name=service, port_name=port,
            settings=_STRICT,
        )  # fmt: skip

    @property
    def described(self) -> tuple[str, Mapping[str, str]]:
        """Return the address at which the platform itself describes the service, and what names who asks."""
        return f"{self._url}?wsdl", self._headers

    def check(
        self,
        where: str,
        operation: str,
        arguments: Callable[[], Mapping[str, Any]],
        hint: str = "Compare arguments, paging and since with the WSDL.",
    ) -> None:
        """Raise CatalogInvalid when the WSDL has no such operation or it does not take these arguments."""
        names = sorted(self._binding.all())
        if operation not in names:
            known = f"The WSDL has: {', '.join(names)}."
            raise CatalogInvalid(f"{where}: there is no operation {operation}", known)
        try:
            self.message(operation, arguments())
        except Exception as error:  # noqa: BLE001 - zeep raises whatever it stumbles over
            words = f"{where}: {operation} does not take the arguments: {_words(error)}"
            raise CatalogInvalid(words, hint) from None

    def message(self, operation: str, arguments: Mapping[str, Any], header: Any = None) -> Message:
        """Return a request for an operation, with credentials of its own and perhaps an element in its header."""
        blocks = {} if header is None else {"_soapheaders": [header]}
        envelope = self._client.create_message(  # type: ignore[no-untyped-call]
            self._client.service, operation, **arguments, **blocks
        )
        body: bytes = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        action = self._binding.get(operation).soapaction or ""
        if isinstance(self._binding, Soap12Binding):
            headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}
        else:
            headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
        return Message(self._url, headers | self._headers, body)


class _Nowhere(Transport):
    """Fetches nothing, neither from a host nor from a path."""

    def __init__(self) -> None:
        """Make no session, so that there is none to close."""
        self._close_session = False

    def load(self, url: str) -> bytes:  # noqa: ARG002 - the base's
        raise PermissionError("it imports another file")


def _content(platform: Platform) -> bytes:
    """Return the vetted copy."""
    name = platform.options["wsdl"]
    folder = (settings.catalog_folder() / "wsdl").resolve()
    try:
        path = (folder / name).resolve()
        content: bytes | None = path.read_bytes() if path.is_relative_to(folder) else None
    except (OSError, ValueError):
        content = None
    if content is None:
        raise CatalogInvalid(
            f"platform {platform.platform}: options.wsdl: {name} is no file of the folder wsdl",
            "Write the name of a file in the catalog's wsdl/.",
        )
    return content


def _document(platform: Platform, content: bytes) -> Document:
    said = f"platform {platform.platform}: options.wsdl: {platform.options['wsdl']}"
    try:
        return Document(io.BytesIO(content), _Nowhere(), settings=_STRICT)  # type: ignore[arg-type] # its hint is wrong
    except Exception as error:  # noqa: BLE001 - zeep raises whatever a wrong file makes it stumble over
        raise CatalogInvalid(
            f"{said} cannot be used: {_words(error)}",
            "It is one WSDL file without imports of others and without DOCTYPE.",
        ) from None


def _chosen(platform: Platform, document: Document) -> tuple[str, str]:
    """Return the names of service and port: those declared, else the only service and its first SOAP port."""
    said = f"platform {platform.platform}: options"
    service, services = platform.options.get("service"), document.services
    if service is None and len(services) == 1:
        service = next(iter(services))
    if service not in services:
        raise CatalogInvalid(f"{said}.service is not one of the WSDL's", f"Write one of: {', '.join(services)}.")
    ports = [name for name, port in services[service].ports.items() if isinstance(port.binding, SoapBinding)]
    port = platform.options.get("port", ports[0] if ports else None)
    if port not in ports:
        raise CatalogInvalid(f"{said}.port is no SOAP port of {service}", f"Write one of: {', '.join(ports)}.")
    return service, port


def _security(platform: Platform, address: Address, auth: Mapping[str, Any]) -> list[Any]:
    """Return what signs or names who asks, in its order: a signature covers the tokens before it."""
    found: list[Any] = [_token(platform, address, auth)] if auth["kind"] == "username_token" else []
    if auth["kind"] == "signature" or auth.get("signed", False):
        found.append(Signature(platform, address))
    return found


def _token(platform: Platform, address: Address, auth: Mapping[str, Any]) -> UsernameToken:
    try:
        etree.Element("token", user=address.user, secret=address.secret)
    except ValueError:
        raise SettingMissing(
            f"the connection of platform {platform.platform} has credentials that no XML carries",
            "Control characters cannot be sent.",
        ) from None
    return UsernameToken(  # type: ignore[no-untyped-call]
        address.user, address.secret, use_digest=auth.get("digest", True), zulu_timestamp=True
    )


def _words(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
