"""Checks of a JSON object's members: as SQL over jsonb that is true when it is wrong, and as Python that agrees."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# A mobile number or a citizen number, alone among other characters: what is longer is a number of something else.
_NUMBER = "1[3-9][0-9]{9}|[1-9][0-9]{16}[0-9Xx]"
_PERSONAL = re.compile(f"(?<![0-9])(?:{_NUMBER})(?![0-9])")


def are_sql(name: str, lengths: Mapping[str, int]) -> str:
    """Return SQL: a value is no object, or its members are not exactly these texts, none empty and none too long."""
    others = f"({name} - array[{', '.join(map(_quoted, lengths))}]) <> '{{}}'"
    wrong = (
        f"coalesce(jsonb_typeof({name}->{_quoted(m)}) <> 'string' "
        f"or length({name}->>{_quoted(m)}) not between 1 and {int(longest)}, true)"
        for m, longest in lengths.items()
    )
    return (
        f"case when {name} is null then false when jsonb_typeof({name}) <> 'object' then true "
        f"else {' or '.join((others, *wrong))} end"
    )


def are(value: Any, lengths: Mapping[str, int]) -> bool:
    """Tell whether a value is an object of exactly these members, each a text that is neither empty nor too long."""
    if not isinstance(value, Mapping) or value.keys() != lengths.keys():
        return False
    return all(isinstance(value[m], str) and 1 <= len(value[m]) <= longest for m, longest in lengths.items())


def personal_sql(name: str, members: Iterable[str]) -> str:
    """Return SQL: one of these members holds a person's number."""
    pattern = f"'(^|[^0-9])({_NUMBER})($|[^0-9])' collate \"C\""
    found = (
        f"coalesce(jsonb_typeof({name}->{_quoted(m)}) = 'string' and ({name}->>{_quoted(m)}) ~ {pattern}, false)"
        for m in members
    )
    return f"({' or '.join(found)})"


def personal(value: Any, members: Iterable[str]) -> bool:
    """Tell whether one of these members holds a person's number."""
    if not isinstance(value, Mapping):
        return False
    texts = (value.get(m) for m in members)
    return any(isinstance(text, str) and _PERSONAL.search(text) is not None for text in texts)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
