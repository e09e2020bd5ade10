"""Who asks and whom: the five authentications, TLS, the connection secret and the options; no secret is ever told."""

from __future__ import annotations

import gzip
import hmac
import json
import traceback
from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from connectors import rest_auth
from connectors.rest import OPTIONS, connect
from gateway.errors import (
    AccessDenied,
    CatalogInvalid,
    GatewayError,
    PlatformUnavailable,
    SchemaMismatch,
    SettingMissing,
)
from gateway.model import Platform
from tests.integration.connectors.site import (
    ID,
    KEY,
    POST,
    SECRET,
    Reply,
    Script,
    Seen,
    Site,
    copied,
    ids,
    opened,
    platform,
    read,
    record,
)

OAUTH = {"kind": "oauth2", "token_path": "/oauth/token", "scope": "messages.read"}


def _basic(seen: Seen) -> bool:
    kind, _, told = seen.headers["Authorization"].partition(" ")
    return (kind, b64decode(told).decode()) == ("Basic", f"{ID}:{SECRET}")


def _sha256(key: bytes, message: bytes) -> str:
    return hmac.new(key, message, "sha256").hexdigest()


def _sm3(key: bytes, message: bytes) -> str:
    keyed = HMAC(key, hashes.SM3())
    keyed.update(message)
    return keyed.finalize().hex()


def _signed(keyed: Callable[[bytes, bytes], str], empty: str) -> Callable[[Seen], bool]:
    def verify(seen: Seen) -> bool:
        path, _, query = seen.target.partition("?")
        stamp, nonce = seen.headers["X-Gateway-Timestamp"], seen.headers["X-Gateway-Nonce"]
        message = "\n".join([seen.method, path, "&".join(sorted(query.split("&"))), empty, stamp, nonce])
        assert seen.headers["X-Gateway-Key"] == KEY
        assert len(nonce) == 32
        return hmac.compare_digest(seen.headers["X-Gateway-Signature"], keyed(SECRET.encode(), message.encode()))

    return verify


SM3_OF_NOTHING = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"


@pytest.mark.parametrize(
    ("auth", "accepts"),
    [
        ({"kind": "none"}, lambda seen: "Authorization" not in seen.headers),
        ({"kind": "basic"}, _basic),
        ({"kind": "api_key"}, lambda seen: seen.headers["X-Api-Key"] == "abc"),
        ({"kind": "api_key", "header": "apikey"}, lambda seen: seen.headers["apikey"] == "abc"),
        ({"kind": "hmac"}, _signed(_sha256, sha256().hexdigest())),
        ({"kind": "hmac", "digest": "sha256"}, _signed(_sha256, sha256().hexdigest())),
        ({"kind": "hmac", "digest": "sm3"}, _signed(_sm3, SM3_OF_NOTHING)),
    ],
)
def test_platform_knows_who_asks(site: Site, auth: Any, accepts: Callable[[Seen], bool]) -> None:
    """Each request bears what the platform verifies by itself, parameters in whatever order."""
    site.script = lambda seen: Reply([record(1)]) if accepts(seen) else Reply(status=401)
    secret = {"api_key": "any:abc@", "hmac": f"{KEY}:s3cret%3A%2F%40%25%E6%89%BF%E5%BE%B7@"}.get(auth["kind"])
    dsn = site.dsn(secret, "/base") if secret else site.dsn(base="/base")
    assert len(read(site, {"parameters": {"b": "2 &", "a": "承", "a-": "1"}}, auth=auth, dsn=dsn)) == 1


def test_each_request_is_signed_anew(site: Site) -> None:
    """A nonce is used once."""
    site.gives([record(1)], [])
    paging = {"kind": "page", "parameter": "page", "size": 1}
    read(site, {"paging": paging}, auth={"kind": "hmac"}, dsn=site.dsn(f"{KEY}:x@"))
    assert len({seen.headers["X-Gateway-Nonce"] for seen in site.seen}) == 2


class Office:
    """The platform's side of oauth2: gives tokens t1, t2 … and accepts those that it has not withdrawn."""

    def __init__(self, site: Site, **answer: Any) -> None:
        """Answer with a token and what else is given."""
        self.given, self.withdrawn, self.answer = 0, set[str](), {"token_type": "Bearer", "expires_in": 3600} | answer
        self.asked: list[Seen] = []
        site.script = self._script

    def _script(self, seen: Seen) -> Reply:
        if seen.path == "/base/oauth/token":
            self.given += 1
            self.asked.append(seen)
            return Reply({"access_token": f"t{self.given}", **self.answer})
        kind, _, token = seen.headers["Authorization"].partition(" ")
        good = kind == "Bearer" and token == f"t{self.given}" and token not in self.withdrawn
        return Reply([record(1)]) if good else Reply(status=401)


def test_token_is_asked_for_once_and_used_till_it_ends(site: Site) -> None:
    """Client credentials, as RFC 6749 writes them."""
    office = Office(site)
    with opened(site, auth=OAUTH, dsn=site.dsn(base="/base")) as source:
        for _ in range(3):
            assert len(copied(source)) == 1
    (asked,) = office.asked
    user, _, secret = b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode().partition(":")
    assert (asked.method, unquote_plus(user), unquote_plus(secret)) == ("POST", ID, SECRET)
    assert parse_qs(asked.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["messages.read"]}


def test_token_that_ended_is_renewed_before_it_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its life is measured by our own clock."""
    office, ahead = Office(site, expires_in=100), [0.0]
    real = rest_auth.time.monotonic
    monkeypatch.setattr(rest_auth, "time", type("Clock", (), {"monotonic": staticmethod(lambda: real() + ahead[0])}))
    with opened(site, auth=OAUTH, dsn=site.dsn(base="/base")) as source:
        for ahead[0], given in ((0, 1), (80, 1), (95, 2)):  # ten seconds early
            copied(source)
            assert office.given == given


def test_withdrawn_token_is_renewed_once(site: Site) -> None:
    """A 401 in the middle of a token's life asks for another one."""
    office = Office(site)
    with opened(site, auth=OAUTH, dsn=site.dsn(base="/base")) as source:
        copied(source)
        office.withdrawn.add("t1")
        assert len(copied(source)) == 1
        office.withdrawn |= {"t2", "t3"}
        with pytest.raises(AccessDenied, match="/messages with HTTP 401"):
            copied(source)
    assert office.given == 3


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=400), AccessDenied),  # invalid_client, invalid_grant, invalid_scope
        (Reply(status=401), AccessDenied),
        (Reply(status=404), SchemaMismatch),
        (Reply(status=503), PlatformUnavailable),
        (Reply(b"<html>"), AccessDenied),
        (Reply([]), AccessDenied),
        (Reply({"access_token": ""}), AccessDenied),
        (Reply({"access_token": "a\r\nX: y"}), AccessDenied),  # it would be two headers
        (Reply({"access_token": "x", "token_type": "mac"}), AccessDenied),
        (Reply(status=302, headers={"Location": "http://127.0.0.1:1/elsewhere"}), AccessDenied),
        (Reply(gzip.compress(b" " * 80_000_000), headers={"Content-Encoding": "gzip"}), SchemaMismatch),
        (Reply(b'{"access_token": "a", "access_token": "b"}'), AccessDenied),
    ],
)
def test_refused_token_is_told(site: Site, waits: list[float], reply: Reply, error: type[Exception]) -> None:
    """Who refuses is named, and nothing of the answer."""
    site.gives(reply)
    with pytest.raises(error, match="token"):
        read(site, auth=OAUTH)
    assert len(waits) == (4 if error is PlatformUnavailable else 0)


@pytest.mark.parametrize("life", [None, "soon", -1, 1e400])
def test_token_without_a_life_is_used(site: Site, life: Any) -> None:
    """A life that makes no sense is taken as five minutes."""
    office = Office(site, expires_in=life)
    with opened(site, auth=OAUTH, dsn=site.dsn(base="/base")) as source:
        copied(source)
        copied(source)
    assert office.given == 1


def test_own_authority_is_trusted(secure_site: Site, certificates: Path) -> None:
    """`ca` names the authority of the platform's certificate."""
    dsn = secure_site.dsn("", scheme="https", host="localhost")
    assert ids(_tls_read(secure_site, f"{dsn}?ca={certificates / 'ca.pem'}")) == ["m1"]


def test_client_certificate_is_shown(mutual_site: Site, certificates: Path) -> None:
    """`cert` and `key` are what the platform wants to see."""
    dsn = mutual_site.dsn("", scheme="https", host="localhost")
    shown = f"?ca={certificates / 'ca.pem'}&cert={certificates / 'client.pem'}&key={certificates / 'client.key'}"
    assert ids(_tls_read(mutual_site, dsn + shown)) == ["m1"]


@pytest.mark.parametrize(
    ("host", "ca"),
    [
        ("127.0.0.1", "ca.pem"),  # the certificate is for localhost
        ("localhost", "stranger.pem"),  # of another authority
        ("localhost", ""),  # of no authority that the system knows
    ],
)
def test_wrong_certificate_is_refused(secure_site: Site, certificates: Path, host: str, ca: str) -> None:
    """Nothing is sent to who cannot prove its name, and it is not tried again."""
    dsn = secure_site.dsn("", scheme="https", host=host) + (f"?ca={certificates / ca}" if ca else "")
    with pytest.raises(AccessDenied, match="certificates"):
        _tls_read(secure_site, dsn)
    assert secure_site.seen == []


def test_missing_client_certificate_is_refused(mutual_site: Site, certificates: Path, waits: list[float]) -> None:
    """The platform's alert is told, unless its hanging up was faster."""
    dsn = mutual_site.dsn("", scheme="https", host="localhost")
    with pytest.raises((AccessDenied, PlatformUnavailable)):
        _tls_read(mutual_site, f"{dsn}?ca={certificates / 'ca.pem'}")
    assert mutual_site.seen == []
    assert len(waits) <= 4


def _tls_read(site: Site, dsn: str) -> list[Any]:
    site.gives([record(1)])
    return read(site, dsn=dsn)


def test_environment_is_not_trusted(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a proxy variable nor a netrc changes where a request goes and what it bears."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login evil password evil")
    for name, value in {
        "http_proxy": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    read(site)
    assert "Authorization" not in site.seen[0].headers


def test_cookies_are_not_kept(site: Site) -> None:
    """Each request stands for itself."""
    site.gives(Reply([], headers={"Set-Cookie": "a=b; Path=/"}))
    with opened(site) as source:
        copied(source)
        copied(source)
    assert "Cookie" not in site.seen[1].headers


@pytest.mark.parametrize(
    "dsn",
    [
        "", "canary", "ftp://canary@h/", "https://", "https:///canary",
        "http://id:canary@platform.example/",  # in clear over the network
        "http://id:canary@10.0.0.1/",
        "http://127.0.0.1/?ca=/canary",  # TLS files of what has no TLS
        "https://id:canary@h:99999/", "https://id:canary@h:port/", "https://id:canary@[::1/",
        "https://id:can/ary@h/", "https://id:can ary@h/", "https://id:can#ary@h/", "https://id:canary承@h/", "https://id:%ff@h/canary",
        "https://id:canary@h/?verify=false",  # nobody turns verification off
        "https://id:canary@h/?ca", "https://id:canary@h/?ca=", "https://id:canary@h/?ca=/a&ca=/b",
        "https://id:canary@h/?key=/x",  # a key without its certificate
        "https://id:canary@h/?ca=/canary",  # no such file
        "https://id:canary@h/?cert=/dev/null",  # no certificate
        "https://:canary@h/", "https://canary@h/",  # half of the credentials
    ],
)  # fmt: skip
def test_unusable_connection_is_told_without_repeating_it(dsn: str) -> None:
    """Whoever reads the error learns the platform's name only."""
    with pytest.raises(SettingMissing, match="platform web") as raised:
        connect(platform(auth={"kind": "basic"}), dsn)
    _tells_nothing(raised.value, "canary", "ary@")


@pytest.mark.parametrize(
    ("kind", "credentials"),
    [("api_key", "a:b%0d%0ac"), ("api_key", "a:%E6%89%BF"), ("hmac", "a%20b:c"), ("api_key", "a:")],
)
def test_credentials_that_no_header_carries_are_told(kind: str, credentials: str) -> None:
    """Before a library does it in its own words."""
    with pytest.raises(SettingMissing, match="credentials"):
        connect(platform(auth={"kind": kind}), f"https://{credentials}@h/")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_loopback_may_be_in_clear(host: str) -> None:
    """What never leaves the machine needs no TLS."""
    connect(platform(), f"http://{host}:1/").close()


RESOURCE = {"path": "/x"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "options: 'resources' is a required property"),
        ({"resources": {}}, "options.resources"),
        ({"resources": {"a": {}}}, "options.resources.a: 'path'"),
        ({"resources": {"a": {"path": "x"}}}, "options.resources.a.path"),
        ({"resources": {"a": {"path": "/x?y=1"}}}, "options.resources.a.path"),
        ({"resources": {"a": {**RESOURCE, "records": "a..b"}}}, "options.resources.a.records"),
        ({"resources": {"a": {**RESOURCE, "pagng": {}}}}, "'pagng' was unexpected"),
        ({"resources": {"a": {**RESOURCE, "paging": {}}}}, "options.resources.a.paging: 'kind'"),
        ({"resources": {"a": {**RESOURCE, "paging": {"kind": "book"}}}}, "options.resources.a.paging.kind"),
        ({"resources": {"a": {**RESOURCE, "paging": {"kind": "page", "parameter": "p"}}}}, "options.resources.a.paging: 'size'"),
        ({"resources": {"a": {**RESOURCE, "paging": {"kind": "page", "parameter": "p", "size": 0}}}}, "options.resources.a.paging.size"),
        ({"resources": {"a": {**RESOURCE, "paging": {"kind": "link", "at": "x"}}}}, "'at' was unexpected"),
        ({"resources": {"a": {**RESOURCE, "since": {"parameter": "s"}}}}, "options.resources.a.since: 'format'"),
        ({"resources": {"a": {**RESOURCE, "since": {"parameter": "s", "format": "unix"}}}}, "options.resources.a.since.format"),
        ({"resources": {"a": {**RESOURCE, "parameters": {"x": []}}}}, "options.resources.a.parameters.x"),
        ({"resources": {"a": {**RESOURCE, "fields": {"x": ""}}}}, "options.resources.a.fields.x"),
        ({"resources": {"a": {**RESOURCE, "ignored": "links"}}}, "options.resources.a.ignored"),
        ({"resources": {"a": RESOURCE}, "auth": {"kind": "oauth2"}}, "options.auth: 'token_path'"),
        ({"resources": {"a": RESOURCE}, "auth": {"kind": "hmac", "digest": "md5"}}, "options.auth.digest"),
        ({"resources": {"a": RESOURCE}, "auth": {"kind": "api_key", "header": "a b"}}, "options.auth.header"),
        ({"resources": {"a": RESOURCE}, "limits": {"seconds": 0}}, "options.limits.seconds"),
        ({"resources": {"a": RESOURCE}, "limits": {"minutes": 1}}, "'minutes' was unexpected"),
    ],
)  # fmt: skip
def test_wrong_options_name_platform_and_field(options: Any, words: str) -> None:
    """The catalog's author is shown the line to mend."""
    with pytest.raises(CatalogInvalid) as raised:
        connect(Platform("web", "", "rest", "WEB", "zfb", options=options), "http://localhost/")
    assert words in raised.value.message
    assert "platform web" in raised.value.message
    assert raised.value.hint


def test_options_are_a_json_schema() -> None:
    """Whoever writes the reference reads them."""
    assert json.loads(json.dumps(OPTIONS)) == OPTIONS


def _status(status: int) -> Script:
    return lambda _: Reply(b"canary-body", status=status, headers={"Location": "/canary", "X": "canary"})


@pytest.mark.parametrize("auth", [{"kind": "basic"}, {"kind": "api_key"}, {"kind": "hmac"}, OAUTH])
@pytest.mark.parametrize("script", [_status(s) for s in (200, 302, 400, 401, 404, 429, 500)] + [None])
def test_no_error_tells_a_secret(site: Site, waits: list[float], auth: Any, script: Script | None) -> None:
    """Neither credentials nor parameters nor what was answered, in message, hint, repr or traceback."""
    site.script = script or site.script
    dsn = "http://canary-id:canary-secret@127.0.0.1:1/" if script is None else site.dsn("canary-id:canary-secret@")
    with opened(site, {"parameters": {"q": "canary-value"}}, auth=auth, dsn=dsn) as source:
        with pytest.raises(GatewayError) as raised:
            copied(source)
        assert "canary" not in repr(source) + repr(source._peer) + repr(source._address).replace("127.0.0.1", "")
        assert raised.value.hint
        _tells_nothing(raised.value, "canary")
    assert len(waits) <= 4
    assert POST.name not in raised.value.message


def _tells_nothing(error: GatewayError, *words: str) -> None:
    said = str(error) + repr(error) + "".join(traceback.format_exception(error))
    # what the test itself wrote stands in the source lines of the traceback
    said = "\n".join(line for line in said.splitlines() if not line.startswith("    "))
    assert not [word for word in words if word in said]
