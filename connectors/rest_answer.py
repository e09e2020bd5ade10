"""What a REST platform's answer to a page of records means: a status alone is not success, nor is a count that does not add up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import requests

from connectors import page_answer, rest_json
from connectors.http_peer import Peer, Receive
from connectors.page_answer import Answers, Refusal, Told
from connectors.rest_pages import at
from gateway.errors import SchemaMismatch, SourceChanged
from gateway.records import as_text

_TAKEN = (200, 201, 202, 204)
_WRONG = (400, 409, 422)  # by which an interface may say that a record is wrong, with its code in the body


def reader(peer: Peer, answers: Answers, what: str, counted: Collection[str]) -> Receive[Told]:
    """Return what makes of an answer what became of the page, or raises what its status or code means.

    `counted` are the figures that this endpoint tells, of those that are declared.
    """

    def receive(response: requests.Response, chunks: Iterator[bytes]) -> Told:
        status = response.status_code
        if status in _WRONG and answers.refused_page:
            code = _code_of(b"".join(chunks), answers)
            if code in answers.refused_page:
                return Told(whole=Refusal({}, code, ""))
        if status not in _TAKEN:
            raise peer.refusal(response, what)
        body = b"".join(chunks)
        if not (answers.code or answers.counts or answers.refused or answers.repeated):
            return Told()
        document = rest_json.parse(body, what)
        if document.marked and rest_json.fault(document.value):
            raise SchemaMismatch(f"{what} is answered with JSON that is ambiguous", "Ask the platform's owner.")
        told = _judged(peer, answers, document.value, response.headers, what)
        if told.whole:
            return told
        counts = {
            n: page_answer.count(as_text(at(document.value, path)), ".".join(path), what)
            for n, path in answers.counts.items()
            if n in counted
        }
        return replace(told, counts=counts)

    return receive


def _judged(peer: Peer, answers: Answers, told: Any, headers: Mapping[str, str], what: str) -> Told:
    code = as_text(at(told, answers.code)) if answers.code else None
    whole = page_answer.judged(peer, answers, code, headers, what)
    repeated = bool(answers.repeated) and at(told, answers.repeated) is True
    return whole or Told({}, tuple(_refused(told, answers, what)), repeated)


def _refused(told: Any, answers: Answers, what: str) -> Iterator[Refusal]:
    if not answers.refused:
        return
    path = answers.refused["records"]
    found = at(told, path)
    if not isinstance(found, list | None) or not all(isinstance(one, dict) for one in found or ()):
        raise SchemaMismatch(
            f"{what} is answered without a list at {'.'.join(path)}", "Compare answer.refused.records."
        )
    for one in found or ():
        code, words = (
            as_text(at(one, answers.refused[name]) if name in answers.refused else None) for name in ("code", "words")
        )
        yield Refusal({name: as_text(at(one, way)) for name, way in answers.key.items()}, code or "-", words or "")


def _code_of(body: bytes, answers: Answers) -> str:
    """Return the code of a refusal; none when the body is not what is declared: the status says enough then."""
    try:
        return as_text(at(rest_json.parse(body, "").value, answers.code)) or ""
    except (SchemaMismatch, SourceChanged):
        return ""
