"""The headers by which an HTTP interface of the gateway says that a notice is about it."""

from __future__ import annotations

import importlib
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from gateway.errors import NoticeRefused
from schemas.notice import deprecation
from schemas.notice.store import Notice, Revision

NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)
NOTICE = Notice(1, "〔2026〕第1号", "legal", "legal.market_entity", "scjgj", "planned", "announced", 1, NOW)
REVISION = Revision(1, 1, "major", date(2026, 12, 15), date(2027, 1, 13), NOW, date(2026, 12, 8), "official", {})


def test_the_headers_name_both_days_and_where_to_go() -> None:
    """Deprecated from midnight in China, gone at the end of the last day."""
    found = deprecation.headers(NOTICE, REVISION, about="https://x.example.gov.cn/n/1", successor="/exchange/api/v2/")
    assert found == {
        "Deprecation": "@1797264000",
        "Sunset": "Wed, 13 Jan 2027 16:00:00 GMT",
        "Link": '<https://x.example.gov.cn/n/1>; rel="deprecation"; type="text/html", </exchange/api/v2/>; rel="successor-version", '
        '<https://x.example.gov.cn/n/1>; rel="sunset"; type="text/html"',
    }


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("draft", False),
        ("announced", True),
        ("effective", True),
        ("transition", True),
        ("closed", False),
        ("withdrawn", False),
    ],
)
def test_only_a_notice_in_force_is_told(state: str, told: bool) -> None:
    """What is withdrawn or over warns nobody."""
    assert bool(deprecation.headers(replace(NOTICE, state=state), REVISION)) is told


def test_the_sunset_is_never_before_the_deprecation() -> None:
    """Whatever the window says; without a window there is none."""
    early = deprecation.headers(NOTICE, replace(REVISION, transition_until=date(2026, 12, 1)))
    assert parsedate_to_datetime(early["Sunset"]).timestamp() == int(early["Deprecation"][1:])
    assert "Sunset" not in deprecation.headers(NOTICE, replace(REVISION, transition_until=None))


@pytest.mark.parametrize(
    "address",
    [
        "https://x/\r\nSet-Cookie: a=b",
        'https://x/>; rel="x',
        "javascript:alert(1)",
        "https://x/变更",
        "https://x/a b",
        "",
    ],
)
def test_an_address_that_would_break_a_header_is_refused(address: str) -> None:
    """It could carry a header of its own; an empty one is none."""
    if not address:
        assert "Link" not in deprecation.headers(NOTICE, REVISION, about=address)
        return
    with pytest.raises(NoticeRefused, match="no web address"):
        deprecation.headers(NOTICE, REVISION, about=address)


def test_an_http_client_gets_them() -> None:
    """From a route of the framework that the gateway serves with."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the client says of the HTTP library it finds is its own to mend
        client: Any = importlib.import_module("starlette.testclient")
    fastapi: Any = importlib.import_module("fastapi")
    importlib.import_module("fastapi.responses")
    app = fastapi.FastAPI()

    @app.get("/entities")
    def entities() -> Any:
        told = deprecation.headers(NOTICE, REVISION, successor="https://x.example.gov.cn/v2")
        return fastapi.responses.JSONResponse([], headers=told)

    answer = client.TestClient(app).get("/entities")
    assert (answer.status_code, answer.headers["deprecation"]) == (200, "@1797264000")
    assert answer.headers["link"] == '<https://x.example.gov.cn/v2>; rel="successor-version"'
