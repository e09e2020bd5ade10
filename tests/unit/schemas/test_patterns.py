"""Patterns as sets of strings: what is in them, and the shortest string of one."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.diff.inclusion.languages import Languages, TooManyStates
from schemas.diff.inclusion.patterns import Unsupported, language

PARTS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "(a|b)", "(?:ab)", "a*", "b+?", "a?", "a{2}", "b{1,2}", "[a-c]{0,2}"]
)
PATTERNS = st.builds(
    lambda left, parts, right: f"{left}{''.join(parts)}{right}",
    st.sampled_from(["", "^"]), st.lists(PARTS, max_size=4), st.sampled_from(["", "$", "|^c$"]),
)  # fmt: skip
TEXTS = st.text("abc1", max_size=6)


def _found(pattern: str, text: str) -> bool:
    """Tell whether Python finds a pattern; its `$` stands before a last line feed too, that of JSON Schema does not."""
    return re.search(pattern.replace("$", r"\Z"), text) is not None


@settings(max_examples=300, deadline=None)
@given(PATTERNS, TEXTS)
def test_a_string_is_in_the_set_when_the_pattern_is_found_in_it(pattern: str, text: str) -> None:
    """Anchors, classes, groups and counts mean what they mean elsewhere."""
    languages = Languages(lambda _: None)
    assert languages.contains(language(pattern, languages), text) is _found(pattern, text)


@settings(max_examples=150, deadline=None)
@given(PATTERNS, PATTERNS, st.integers(0, 3))
@example("a", ".$", 0)  # a line feed behind it is in the first alone
def test_the_shortest_string_is_in_both_sets(one: str, two: str, low: int) -> None:
    """It matches the first pattern and not the second; where there is none, no string of a sample is."""
    languages = Languages(lambda _: None)
    both = languages.both([language(one, languages), languages.complement(language(two, languages))])
    found = languages.shortest(both, low, low + 3)
    if found is not None:
        assert _found(one, found)
        assert not _found(two, found)
        assert low <= len(found) <= low + 3
    else:
        for text in ("", "a", "b", "c", "ab", "aa", "bb", "cc", "1", "abc", "aab", "a1b"):
            assert not (low <= len(text) and _found(one, text) and not _found(two, text))


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)b", "(?!a)b", r"\bword", r"(a)\1", r"\p{L}", "a(^b)c", "*", "(", "[", "[b-a]", "a{3,2}", "a{9999}"],
)
def test_what_is_not_understood_is_said(pattern: str) -> None:
    """The differ then knows that it does not know."""
    with pytest.raises(Unsupported):
        language(pattern, Languages(lambda _: None))


def test_a_set_with_too_many_states_is_given_up() -> None:
    """Nobody waits for it."""
    languages = Languages(lambda _: None)
    with pytest.raises(TooManyStates):
        languages.shortest(
            languages.both([language("^(a|b)*a.{14}$", languages), language("^(a|b)*b.{13}$", languages)]), 15000, None
        )
