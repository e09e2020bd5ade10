"""A page of JSON is read exactly or marked, whichever of the two parsers could tell."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import rest_json

TEXTS = st.one_of(st.text(max_size=6), st.text('"\\:{}[],/u \t\n王', max_size=6))
KEYS = st.one_of(st.sampled_from(["a", "b", "é", 'q"', "s\\"]), TEXTS)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70).map(str), st.sampled_from(["0.10", "1e2", "-0", "-0.0", "1E-7", "12345678901234567.89", "NaN", "1e999999999"]))  # fmt: skip
Node = tuple[str, Any]
TREES: st.SearchStrategy[Node] = st.recursive(
    st.one_of(st.tuples(st.just("text"), TEXTS), st.tuples(st.just("number"), NUMBERS), st.just(("word", "null"))),
    lambda inner: st.one_of(
        st.tuples(st.just("array"), st.lists(inner, max_size=4)),
        st.tuples(st.just("object"), st.lists(st.tuples(KEYS, inner), max_size=4)),
    ),
    max_leaves=12,
)


@given(tree=TREES, ascii_only=st.booleans(), blank=st.sampled_from(["", " ", "\n\t"]))
def test_every_page_is_exact_or_marked(tree: Node, ascii_only: bool, blank: str) -> None:
    """Each text and each digit is as it was sent; a repeated key or a number that is none is marked wherever it stands."""
    body = _written(tree, ascii_only=ascii_only, blank=blank).encode("utf-8", "surrogatepass")
    found = rest_json.parse(body, "page")
    assert (_shown(found.value), found.marked) == (_shown(_meant(tree)), _odd(tree))


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('{"a": 1, "a": 2}', "json.duplicate_key"),
        ('{"a": "x", "a": "y"}', "json.duplicate_key"),
        ('{"a": [1], "a" : {}}', "json.duplicate_key"),
        ('{"a": 1, "\\u0061": 2}', "json.duplicate_key"),  # written in another way
        ('{"a\\\\": "\\"", "a\\\\": ":"}', "json.duplicate_key"),  # among escaped quotes
        ('{"a": {"b": 1, "b": 1}}', "json.duplicate_key"),
        ('[{"a": ""}, {"a": "", "a": ""}]', "json.duplicate_key"),
        ('{"a": NaN}', "json.number"),
        ('{"a": -Infinity}', "json.number"),
        ('{"a": 1e9999999999999999999}', "json.number"),
    ],
)
def test_what_is_bent_is_marked(body: str, fault: str) -> None:
    """The fast parser keeps the last of two values in silence."""
    found = rest_json.parse(body.encode(), "page")
    assert found.marked
    assert rest_json.fault(found.value) == fault


@pytest.mark.parametrize("number", ["18446744073709551616", "-9223372036854775809", "0.1", "1.10", "1e2", "9" * 400])
def test_numbers_keep_their_digits(number: str) -> None:
    """What 64 bits do not hold, and every fraction, is read by the strict parser."""
    found = rest_json.parse(f'[{{"a": {number}}}]'.encode(), "page").value[0]["a"]
    assert type(found) is (Decimal if "." in number or "e" in number else int)
    assert Decimal(found) == Decimal(number)


def _written(node: Node, *, ascii_only: bool, blank: str) -> str:
    kind, value = node

    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=ascii_only or any("\ud800" <= c <= "\udfff" for c in value))

    def inner(one: Node) -> str:
        return _written(one, ascii_only=ascii_only, blank=blank)

    if kind == "text":
        return text(value)
    if kind == "array":
        return f"[{blank}" + f"{blank},{blank}".join(map(inner, value)) + f"{blank}]"
    if kind == "object":
        return "{" + f",{blank}".join(f"{text(key)}{blank}:{blank}{inner(one)}" for key, one in value) + blank + "}"
    return str(value)


def _meant(node: Node) -> Any:
    kind, value = node
    if kind == "number":
        if value in {"NaN", "1e999999999"}:
            return rest_json.NoNumber(value) if value == "NaN" else Decimal(value)
        return Decimal(value) if set(value) & set(".eE") else int(value)
    if kind == "array":
        return [_meant(one) for one in value]
    if kind == "object":
        return {key: _meant(one) for key, one in value}
    return value if kind == "text" else None


def _odd(node: Node) -> bool:
    kind, value = node
    if kind == "object":
        return len(dict(value)) < len(value) or any(_odd(one) for _, one in value)
    return value == "NaN" and kind == "number" if kind != "array" else any(map(_odd, value))


def _shown(value: Any) -> str:
    """Return a value so that types and digits count."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {_shown(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(map(_shown, value)) + "]" if isinstance(value, list) else repr(value)
