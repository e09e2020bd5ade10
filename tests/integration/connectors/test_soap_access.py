"""Who asks and whom: credentials, the WSDL, the connection secret and the options; no secret is ever told."""

from __future__ import annotations

import json
import traceback
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from connectors.soap import OPTIONS, connect
from gateway.errors import CatalogInvalid, GatewayError, SettingMissing
from gateway.model import Platform
from tests.integration.connectors.site import CREDENTIALS, ID, SECRET, Reply, Seen, Site, copied
from tests.integration.connectors.soap_site import (
    FEEDBACK,
    FIELDS,
    PAGED,
    WSDL,
    envelope,
    fault,
    opened,
    place,
    platform,
    read,
    record,
    reply,
    wsdl,
    xml,
)

PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
RESOURCE = {"operation": "GetFeedback", "record": "Feedback"}


@pytest.fixture(autouse=True)
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a catalog with the WSDL."""
    monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    place(tmp_path)
    return tmp_path


def _token(seen: Seen) -> dict[str, Any]:
    """Return the parts of the username token by their local names."""
    header = etree.fromstring(seen.body).find("{*}Header")
    token = header.find(f"{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
    return {e.tag.rpartition("}")[2]: e for e in token}


def _digest_is_right(seen: Seen) -> bool:
    """Verify as the platform does: base64(sha1(nonce + created + secret))."""
    token = _token(seen)
    created = token["Created"].text
    at = datetime.strptime(created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert token["Password"].get("Type") == f"{PROFILE}#PasswordDigest"
    nonce = b64decode(token["Nonce"].text)
    assert len(nonce) == 16
    digest = b64encode(sha1(nonce + created.encode() + SECRET.encode()).digest()).decode()
    return (token["Username"].text, token["Password"].text) == (ID, digest)


def _text_is_right(seen: Seen) -> bool:
    token = _token(seen)
    assert token["Password"].get("Type") == f"{PROFILE}#PasswordText"
    return (token["Username"].text, token["Password"].text) == (ID, SECRET)


def _basic_is_right(seen: Seen) -> bool:
    kind, _, told = seen.headers["Authorization"].partition(" ")
    return (kind, b64decode(told).decode()) == ("Basic", f"{ID}:{SECRET}") and b"Username" not in seen.body


def _nothing_is_told(seen: Seen) -> bool:
    return "Authorization" not in seen.headers and b"Security" not in seen.body


@pytest.mark.parametrize("port", ["Port1", "Port2"])
@pytest.mark.parametrize(
    ("auth", "accepts"),
    [
        ({"kind": "none"}, _nothing_is_told),
        ({"kind": "basic"}, _basic_is_right),
        ({"kind": "username_token"}, _digest_is_right),
        ({"kind": "username_token", "digest": True}, _digest_is_right),
        ({"kind": "username_token", "digest": False}, _text_is_right),
    ],
)
def test_platform_knows_who_asks(site: Site, port: str, auth: Any, accepts: Any) -> None:
    """Each request bears what the platform verifies by itself."""
    site.script = lambda seen: reply(record(1)) if accepts(seen) else xml(fault("wsse:FailedAuthentication"))
    assert len(read(site, auth=auth, port=port)) == 1


def test_a_nonce_is_used_once(site: Site, waits: list[float]) -> None:
    """Neither on the next page nor when a request is repeated."""
    site.gives(Reply(status=503), reply(record(1), record(2)), Reply(status=429), reply())
    read(site, {"paging": PAGED}, auth={"kind": "username_token"})
    assert len({_token(seen)["Nonce"].text for seen in site.seen}) == 4
    assert len(waits) == 2


@pytest.mark.parametrize(
    "dsn",
    [
        "", "canary", "ftp://canary@h/", "http://id:canary@10.0.0.1/", "https://id:canary@h/?wsdl=canary",
        "https://:canary@h/", "https://canary@h/", "https://id:canary%00@h/", "https://i%01d:canary@h/",
    ],
)  # fmt: skip
def test_unusable_connection_is_told_without_repeating_it(dsn: str) -> None:
    """Whoever reads the error learns the platform's name only."""
    with pytest.raises(SettingMissing, match="platform superv") as raised:
        connect(platform(auth={"kind": "username_token"}), dsn)
    _tells_nothing(raised.value, "canary")


class _Elsewhere:
    """A host that counts who comes."""

    def __init__(self, site: Site) -> None:
        """Serve a schema to everybody."""
        site.script = lambda _: Reply(b'<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema"/>')
        self.url = f"http://127.0.0.1:{site.port}/canary"


@pytest.mark.parametrize(
    "place_of",
    ["{url}", "file://{path}", "{path}", "other.xsd", "../wsdl/other.xsd", "ftp://127.0.0.1/x", "//127.0.0.1/x"],
)
@pytest.mark.parametrize(
    "kind",
    [
        {"imports": '<w:import namespace="urn:o" location="{at}"/>'},
        {"schema": '<x:import namespace="urn:o" schemaLocation="{at}"/>'},
        {"schema": '<x:include schemaLocation="{at}"/>'},
    ],
)
def test_wsdl_imports_nothing(site: Site, catalog: Path, place_of: str, kind: dict[str, str]) -> None:
    """Neither a host nor a path, absolute or not, is ever looked at."""
    other = catalog / "wsdl" / "other.xsd"
    other.write_text('<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:o"/>')
    at = place_of.format(url=_Elsewhere(site).url, path=other)
    place(catalog, wsdl(**{name: part.format(at=at) for name, part in kind.items()}))
    with pytest.raises(CatalogInvalid, match=r"options\.wsdl: superv\.wsdl cannot be used"):
        read(site)
    assert site.seen == []


@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE a>",
        '<!DOCTYPE a [<!ENTITY a "x">]>',
        '<!DOCTYPE a SYSTEM "{url}">',
        '<!DOCTYPE a [<!ENTITY % a SYSTEM "{url}">%a;]>',
    ],
)
def test_wsdl_with_a_doctype_is_refused(site: Site, catalog: Path, doctype: str) -> None:
    """Whatever it declares."""
    place(catalog, wsdl(doctype=doctype.format(url=_Elsewhere(site).url)))
    with pytest.raises(CatalogInvalid, match="cannot be used"):
        read(site)
    assert site.seen == []


@pytest.mark.parametrize(
    "name", ["../superv.wsdl", "/etc/passwd", "missing.wsdl", "../wsdl/../../x", "link.wsdl", "a\0b", ".", "x" * 300]
)
def test_wsdl_lies_in_its_folder(catalog: Path, name: str) -> None:
    """A name that leads out is no name, a link neither."""
    (catalog / "superv.wsdl").write_text(wsdl())
    (catalog / "wsdl" / "link.wsdl").symlink_to(catalog / "superv.wsdl")
    with pytest.raises(CatalogInvalid, match="is no file of the folder wsdl"):
        connect(platform(wsdl=name), "http://localhost/")


def test_wsdl_may_lie_deeper(site: Site, catalog: Path) -> None:
    """A folder for each platform is allowed."""
    (catalog / "wsdl" / "a").mkdir()
    place(catalog, name="a/b.wsdl")
    site.gives(reply())
    assert read(site, wsdl="a/b.wsdl") == []


@pytest.mark.parametrize(
    "content", ["", "<html/>", "not xml", WSDL[:900], "<a>" * 1000, WSDL.replace('"t:In"', '"t:Gone"')]
)
def test_broken_wsdl_is_told(catalog: Path, content: str) -> None:
    """The file is named, once and early."""
    place(catalog, content)
    with pytest.raises(CatalogInvalid, match="platform superv: options"):
        connect(platform(), "http://localhost/")


@pytest.mark.parametrize(
    ("resource", "options", "words"),
    [
        ({}, {"service": "Other"}, "options.service is not one of the WSDL's"),
        ({}, {"port": "Other"}, "options.port is no SOAP port"),
        ({"operation": "GetFeedbak"}, {}, "there is no operation GetFeedbak"),
        ({"arguments": {"regoin": "1"}}, {}, "does not take the arguments"),
        ({"arguments": {"Page": {"Nr": 1}}}, {}, "does not take the arguments"),
        ({"paging": {**PAGED, "argument": "PageNo"}}, {}, "does not take the arguments"),
        (
            {"paging": {**PAGED, "argument": "region/No"}, "arguments": {"region": "1"}},
            {},
            "does not take the arguments",
        ),
        ({"since": {"argument": "Begin", "format": "iso"}}, {}, "does not take the arguments"),
        ({"since": {"argument": "BeginTime", "until": "End", "format": "iso"}}, {}, "does not take the arguments"),
        ({"since": {"argument": "BeginTime", "format": "iso", "zone": "Asia/Chengde"}}, {}, "Asia/Chengde"),
    ],
)
def test_wrong_operation_is_told_before_anything_is_asked(site: Site, resource: Any, options: Any, words: str) -> None:
    """Names are compared with the WSDL when the platform is connected."""
    with pytest.raises(CatalogInvalid) as raised:
        read(site, resource, **options)
    assert words in raised.value.message
    assert "platform superv" in raised.value.message
    assert raised.value.hint
    assert site.seen == []


def test_missing_argument_is_told(catalog: Path) -> None:
    """What the WSDL demands is declared or paged."""
    place(catalog, wsdl(must="1"))
    with pytest.raises(CatalogInvalid, match="Must"):
        connect(platform(), "http://localhost/")
    connect(platform({"arguments": {"Must": "x"}}), "http://localhost/").close()


def test_service_is_named_where_there_are_two(catalog: Path) -> None:
    """Nobody guesses."""
    place(catalog, wsdl(services='<w:service name="Other"/>'))
    with pytest.raises(CatalogInvalid, match=r"options\.service"):
        connect(platform(), "http://localhost/")
    connect(platform(service="SupervisionService"), "http://localhost/").close()
    with pytest.raises(CatalogInvalid, match=r"options\.port"):
        connect(platform(service="Other"), "http://localhost/")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "is a required property"),
        ({"wsdl": "", "resources": {"a": RESOURCE}}, "options.wsdl"),
        ({"wsdl": "superv.wsdl", "resources": {}}, "options.resources"),
        ({"resources": {"a": {"operation": "X"}}}, "'record' is a required"),
        ({"resources": {"a": {"record": "X"}}}, "'operation' is a required"),
        ({"resources": {"a": {**RESOURCE, "record": "t:Feedback"}}}, "options.resources.a.record"),
        ({"resources": {"a": {**RESOURCE, "record": "*"}}}, "options.resources.a.record"),
        ({"resources": {"a": {**RESOURCE, "total": "a/b"}}}, "options.resources.a.total"),
        ({"resources": {"a": {**RESOURCE, "arguments": []}}}, "options.resources.a.arguments"),
        ({"resources": {"a": {**RESOURCE, "pagng": {}}}}, "'pagng' was unexpected"),
        ({"resources": {"a": {**RESOURCE, "paging": {"kind": "cursor"}}}}, "options.resources.a.paging.kind"),
        ({"resources": {"a": {**RESOURCE, "paging": {"kind": "page", "argument": "p"}}}}, "'size' is a required"),
        ({"resources": {"a": {**RESOURCE, "since": {"argument": "s", "format": "epoch"}}}}, "options.resources.a.since.format"),
        ({"resources": {"a": {**RESOURCE, "since": {"argument": "s", "format": "%Y%m%d%f"}}}}, "options.resources.a.since.format"),
        ({"resources": {"a": {**RESOURCE, "since": {"argument": "s", "format": "%H%M"}}}}, "options.resources.a.since.format"),
        ({"resources": {"a": {**RESOURCE, "since": {"argument": "s", "format": "iso", "zone": "../etc"}}}}, "options.resources.a.since.zone"),
        ({"resources": {"a": {**RESOURCE, "fields": {"x": ""}}}}, "options.resources.a.fields.x"),
        ({"resources": {"a": {**RESOURCE, "fields": {"x": "@a/b"}}}}, "options.resources.a.fields.x"),
        ({"resources": {"a": {**RESOURCE, "fields": {"x": "a//b"}}}}, "options.resources.a.fields.x"),
        ({"resources": {"a": {**RESOURCE, "ignored": "links"}}}, "options.resources.a.ignored"),
        ({"resources": {"a": RESOURCE}, "auth": {"kind": "oauth2"}}, "options.auth.kind"),
        ({"resources": {"a": RESOURCE}, "auth": {"kind": "basic", "digest": True}}, "'digest' was unexpected"),
        ({"resources": {"a": RESOURCE}, "auth": {"kind": "username_token", "digest": "yes"}}, "options.auth.digest"),
        ({"resources": {"a": RESOURCE}, "limits": {"page_mb": 1}}, "'page_mb' was unexpected"),
        ({"resources": {"a": RESOURCE}, "limits": {"reply_mb": 0}}, "options.limits.reply_mb"),
    ],
)  # fmt: skip
def test_wrong_options_name_platform_and_field(options: Any, words: str) -> None:
    """The catalog's author is shown the line to mend."""
    options = {"wsdl": "superv.wsdl", **options} if options else {}
    with pytest.raises(CatalogInvalid) as raised:
        connect(Platform("superv", "", "soap", "S", "zfb", options=options), "http://localhost/")
    assert words in raised.value.message
    assert "platform superv" in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        ({"fields": {**FIELDS, "other": "X"}}, "names other"),
        ({"fields": {**FIELDS, "content": "No"}}, "No is read twice"),
        ({"fields": {**FIELDS, "content": "score"}, "ignored": []}, None),
        ({"fields": {"no": "content"}}, "content is read twice"),  # the field content has its own name
        ({"fields": {**FIELDS, "content": "No/Text"}}, "No/Text lies within No"),
        ({"fields": {**FIELDS, "content": "No/@kind"}}, None),  # text and attribute of one element
        ({"fields": {**FIELDS, "content": "No/a/@kind"}}, "lies within No"),
        ({"total": "Feedback"}, "record and total are one name"),
    ],
)
def test_fields_that_contradict_are_told(site: Site, resource: Any, words: str | None) -> None:
    """When the data set is first asked for."""
    site.gives(reply())
    if words is None:
        assert read(site, resource) == []
        return
    with pytest.raises(CatalogInvalid, match=words):
        read(site, resource)
    assert site.seen == []


def test_data_set_without_a_resource_is_told(site: Site) -> None:
    """The route's source is wrong."""
    with (
        opened(site, resources={"other.set": RESOURCE}) as source,
        pytest.raises(CatalogInvalid, match="has no superv"),
    ):
        source.probe(FEEDBACK)


def test_options_are_a_json_schema() -> None:
    """Whoever writes the reference reads them."""
    assert json.loads(json.dumps(OPTIONS)) == OPTIONS


CANARY = "canary-value"
ANSWERS = [
    *[Reply(b"canary-body", status=s, headers={"Location": "/canary", "X": "canary"}) for s in (200, 302, 400, 401, 404, 429, 500)],
    xml(fault("e:Client")), xml(fault("e:Server"), status=500), xml(fault("canary:canary")), xml(fault("wsse:FailedCheck")),
    xml(envelope("<canary>canary</canry>")), xml(envelope("<canary>canary")), xml(envelope("&canary;", before="<!DOCTYPE canary>")),
    xml(envelope("<Total>canary</Total>")), xml(envelope("")), None,
]  # fmt: skip


@pytest.mark.parametrize(
    "auth", [{"kind": "basic"}, {"kind": "username_token"}, {"kind": "username_token", "digest": False}]
)
@pytest.mark.parametrize("answer", ANSWERS)
def test_no_error_tells_a_secret(site: Site, waits: list[float], auth: Any, answer: Reply | None) -> None:
    """Neither credentials nor arguments nor what was answered, in message, hint, repr or traceback."""
    site.gives(answer or Reply())
    dsn = "http://canary-id:canary-secret@127.0.0.1:1/" if answer is None else site.dsn("canary-id:canary-secret@")
    resource = {"arguments": {"region": CANARY}, "total": "Total"}
    with opened(site, resource, auth=auth, dsn=dsn) as source:
        with pytest.raises(GatewayError) as raised:
            copied(source, dataset=FEEDBACK)
        message = source._service.message("GetFeedback", {"region": CANARY})
        assert "canary" not in "".join(map(repr, (source, source._peer, source._address, source._service, message)))
        assert raised.value.hint
        _tells_nothing(raised.value, "canary", CREDENTIALS)
    assert len(waits) <= 4


def _tells_nothing(error: GatewayError, *words: str) -> None:
    said = str(error) + repr(error) + "".join(traceback.format_exception(error))
    # what the test itself wrote stands in the source lines of the traceback
    said = "\n".join(line for line in said.splitlines() if not line.startswith("    "))
    assert not [word for word in words if word in said]
