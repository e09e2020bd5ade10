"""Whether every value of one simple type is one of another: proven, refuted by a value, or unknown (None)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from schemas.diff import xsd_builtin as builtin
from schemas.diff.xsd_builtin import COLLAPSE, NUMBERS, PRESERVE, REPLACE, TEXTS, moment, number
from schemas.diff.xsd_chars import SPACE, XML, without
from schemas.diff.xsd_patterns import Alphabet
from schemas.diff.xsd_regex import tree
from schemas.diff.xsd_samples import samples
from schemas.diff.xsd_simple import Bound, Simple, accepts

_STEPS, _FEW = 20_000, 500
_ANY: Any = ("set", XML)
_SOLID: Any = ("rep", ("set", without(SPACE)), 0, None)


@lru_cache(maxsize=20_000)
def included(sub: Simple, sup: Simple) -> bool | None:  # noqa: PLR0911 - one answer a rule
    """Tell whether every text of one type is one of another's."""
    if sub == sup:
        return True
    if "unknown" in (sub.variety, sup.variety):
        return None
    if sub.values is not None:
        return _finite(sub, sup, sub.values)
    if sub.variety == "union":
        return _union(sub, sup)
    if sup.variety == "union" and not sup.steps and sup.values is None and any(included(sub, one) for one in sup.parts):
        return True
    witnesses = list[str]()
    if _proven(sub, sup, witnesses):
        return True
    return _refuted(sub, sup, witnesses)


def _finite(sub: Simple, sup: Simple, values: frozenset[str]) -> bool | None:
    """Judge value by value; what may be written in other ways than it stands there is judged by the ways, too."""
    known = [value for value in sorted(values) if accepts(sub, value) is not False]
    verdicts = [accepts(sup, way) for value in known for way in _ways(sub, sup, value)]
    if False in verdicts:
        return False
    spelled = sub.variety == "atomic" and (sub.base in TEXTS | NUMBERS or sub.base == "boolean" or not sup.steps)
    alike = (sub.variety, sub.parts) == (sup.variety, sup.parts) and sup.steps <= sub.steps
    return True if None not in verdicts and (spelled or alike or sup.free) else None


def _ways(sub: Simple, sup: Simple, value: str) -> Iterator[str]:
    yield value
    if sub.space > sup.space and accepts(sub, f" {value} "):
        yield f" {value} "
    if sub.variety == "atomic" and sub.base in NUMBERS and not sub.steps:
        yield from (
            value if value[:1] in "+-" else f"+{value}",
            f"{value[:1]}0{value[1:]}" if value[:1] in "+-" else f"0{value}",
        )
        if sub.base != "integer" and "." not in value and "E" not in value.upper():
            yield f"{value}.0"
    if sub.variety == "atomic" and sub.base == "boolean" and not sub.steps:
        yield from ("true", "1") if value.strip() in {"true", "1"} else ("false", "0")


def _union(sub: Simple, sup: Simple) -> bool | None:
    if sub.steps:
        if sup.variety == "union" and sup.values is None and sup.steps <= sub.steps:
            return included(_bare(sub), _bare(sup))
        return _refuted(sub, sup, [])
    verdicts = [included(member, sup) for member in sub.parts]
    if False not in verdicts:
        return None if None in verdicts else True
    return False


def _bare(one: Simple) -> Simple:
    return Simple(variety="union", parts=one.parts, space=one.space)


def _refuted(sub: Simple, sup: Simple, witnesses: list[str]) -> bool | None:
    """Return False when a value of one is none of the other; what cannot be refuted is unknown."""
    for text in (*witnesses, *samples(sub)):
        for way in (text, f" {text} "):
            if accepts(sup, way) is False and accepts(sub, way):
                return False
    narrower = sub.base != sup.base and builtin.below(sup.base, sub.base)  # identifiers, addresses, single precision
    return False if sub.variety == sup.variety == "atomic" and sub.free and narrower else None


def _proven(sub: Simple, sup: Simple, witnesses: list[str]) -> bool:
    if sup.variety == "union":
        return False
    if sub.variety == "list":
        return _of_list(sub, sup)
    if sup.variety == "list":
        one = sup.parts[0]
        narrow = sup.least <= 1 and (sup.most is None or sup.most >= 1) and not sup.steps and sup.values is None
        solid = sub.base not in {"string", "normalizedString", "token", "anyURI", "base64Binary"}
        return bool(narrow and solid and included(sub, one))
    if sup.values is not None and (few := _counted(sub)) is not None and sup.base in NUMBERS and not sup.steps:
        return all(accepts(sup, str(value)) for value in few)
    measured = _measured(sub, sup)
    return measured is not None and _written(sub, sup, witnesses, sized=measured)


def _of_list(sub: Simple, sup: Simple) -> bool:
    if sup.variety == "list":
        sized = sup.least <= sub.least and (sup.most is None or (sub.most is not None and sub.most <= sup.most))
        return sized and sup.steps <= sub.steps and sup.values is None and bool(included(sub.parts[0], sup.parts[0]))
    return sup.base in {"string", "normalizedString", "token"} and sup.free


def _counted(sub: Simple) -> list[int] | None:
    """Return the few integers that a type has; None when they are not few."""
    if sub.base != "integer" or not sub.low or not sub.high:
        return None
    low, high = whole(sub, upper=False), whole(sub, upper=True)
    return list(range(low, high + 1)) if low is not None and high is not None and high - low <= _FEW else None


def whole(one: Simple, *, upper: bool) -> int | None:
    """Return the lowest or highest integer of a type."""
    bound = one.high if upper else one.low
    value = number(bound[0]) if bound else None
    edge = None if value is None or not value.is_finite() else int(value)
    if edge is not None and bound is not None and not bound[1] and value == edge:
        edge += -1 if upper else 1
    if one.total is not None:
        limit = 10**one.total - 1
        edge = (limit if upper else -limit) if edge is None else min(edge, limit) if upper else max(edge, -limit)
    return edge


def _measured(sub: Simple, sup: Simple) -> bool | None:
    """Tell whether bounds, digits and lengths are proven: None when not, False when lengths are left to the form."""
    if not all(_tighter(sub, sup, upper=upper) for upper in (False, True)) or not _digits(sub, sup):
        return None
    sized = sup.least <= sub.least and (sup.most is None or (sub.most is not None and sub.most <= sup.most))
    if (sup.least, sup.most) == (0, None) or (sized and (sub.base in TEXTS or sub.base == sup.base)):
        return True
    return False if sup.base in TEXTS else None


def _tighter(sub: Simple, sup: Simple, *, upper: bool) -> bool:
    """Tell whether no value of `sub` goes beyond a bound of `sup`."""
    theirs, ours = (sup.high, sub.high) if upper else (sup.low, sub.low)
    if theirs is None or theirs == ours:
        return True
    if sub.base == "integer" and sup.base in NUMBERS:
        edge, limit = whole(sub, upper=upper), number(theirs[0])
        if edge is None or limit is None:
            return False
        return edge == limit if edge == limit and theirs[1] else (Decimal(edge) < limit) == upper and edge != limit
    if ours is None or sub.base != sup.base:
        return False
    mine, other = _edges(sub.base, ours, theirs)
    if mine is None or other is None:
        return False
    return theirs[1] or not ours[1] if mine == other else bool((mine < other) == upper)


def _edges(base: str, ours: Bound, theirs: Bound) -> tuple[Any, Any]:
    if base in NUMBERS:
        return number(ours[0]), number(theirs[0])
    return moment(base, ours[0]), moment(base, theirs[0])


def _digits(sub: Simple, sup: Simple) -> bool:
    fraction = 0 if sub.base == "integer" else sub.fraction
    if sup.fraction is not None and (fraction is None or fraction > sup.fraction):
        return False
    if sup.total is None or (sub.total is not None and sub.total <= sup.total):
        return True
    low, high = whole(sub, upper=False), whole(sub, upper=True)
    if fraction is None or low is None or high is None:
        return False
    return max(len(str(abs(low))), len(str(abs(high)))) + fraction <= sup.total


def _written(sub: Simple, sup: Simple, witnesses: list[str], *, sized: bool) -> bool:  # noqa: PLR0911 - one answer a rule
    """Prove that the form of each text is one of the other type's, its white space included."""
    related = builtin.below(sub.base, sup.base)
    if not related and sup.base not in builtin.FORMAL:
        return False
    bound = bool(sup.steps) or sup.values is not None or not sized
    if (
        not bound
        and sub.base in TEXTS
        and (sup.base, sup.space) in {("normalizedString", REPLACE), ("token", COLLAPSE)}
    ):
        return True  # any text is one once its white space was treated
    if sub.space > sup.space and bound and not (sup.space == PRESERVE and _only_least(sup)):
        return False
    if related and not bound:
        return True
    if related and sup.values is None and sized and sup.steps <= sub.steps and sub.space == sup.space:
        return True
    if sub.space < sup.space and not _only_most(sub, sup) and not _solid(sub):
        return False
    return _by_form(sub, sup, witnesses)


def _only_least(sup: Simple) -> bool:
    """Tell whether white space around a text can only help it."""
    return not sup.steps and sup.values is None and sup.most is None


def _only_most(sub: Simple, sup: Simple) -> bool:
    return not sup.steps and sup.values is None and sup.least == 0 and builtin.below(sup.base, sub.base)


def _solid(sub: Simple) -> bool:
    """Tell whether no text of a type has white space in it."""
    form = _form(sub, sized=False)
    if form is None:
        return False
    alphabet = Alphabet([form, _SOLID])
    return bool(alphabet.pool.within(alphabet.term(form), alphabet.term(_SOLID), _STEPS)[0])


def _by_form(sub: Simple, sup: Simple, witnesses: list[str]) -> bool:
    ours, theirs = _form(sub, sized=sub.base in TEXTS), _form(sup, sized=sup.base in TEXTS)
    if ours is None or theirs is None:
        return False
    alphabet = Alphabet([ours, theirs])
    verdict, word = alphabet.pool.within(alphabet.term(ours), alphabet.term(theirs), _STEPS)
    if verdict is False:
        witnesses.append(alphabet.text(word))
    return bool(verdict)


def _form(one: Simple, *, sized: bool) -> Any:
    """Return the tree of what a type's texts look like, None when a pattern is not understood."""
    both = [builtin.form(one.base)]
    both += [("alt", [tree(pattern) for pattern in sorted(step)]) for step in sorted(one.steps, key=sorted)]
    if any(t[0] == "alt" and None in t[1] for t in both):  # type: ignore[index]
        return None
    if one.values is not None:
        if one.base not in TEXTS:
            return None
        both.append(("alt", [("seq", [("set", ((ord(s), ord(s)),)) for s in value]) for value in sorted(one.values)]))
    if sized and (one.least or one.most is not None):
        both.append(("rep", _ANY, one.least, one.most))
    return both[0] if len(both) == 1 else ("and", both)
