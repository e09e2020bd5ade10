"""Changes between two declarations of an element, and between two content models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.diff import xsd_attributes, xsd_content, xsd_types
from schemas.diff.language import Pool, Term
from schemas.diff.model import UNDECIDED, Effect
from schemas.diff.xsd_content import Counts, Models
from schemas.diff.xsd_facets import ANY_SIMPLE
from schemas.diff.xsd_model import Complex, Element
from schemas.diff.xsd_simple import Simple, accepts
from schemas.diff.xsd_values import included

if TYPE_CHECKING:
    from schemas.diff.xsd_compare import Comparison, Fits

NONE, BREAKING = Effect.none, Effect.breaking
# kind, path, before, after, effects by nature (reader, writer), rule
Detail = tuple[str, str, Any, Any, Effect, Effect, str]


def compare(found: Comparison, path: str, old: Element, new: Element) -> None:
    """Judge what a declaration says beside its type."""
    if old.nillable != new.nillable:
        reader, writer = (BREAKING, NONE) if new.nillable else (NONE, BREAKING)
        found.add("nillable_changed", path, old.nillable, new.nillable, reader, writer, "xsd.nillable")
    xsd_attributes.preset(found, path, (old.default, old.fixed), (new.default, new.fixed))
    if old.abstract != new.abstract:
        abstract(found, path, old=old.abstract, new=new.abstract)
    more, less = sorted(new.constraints - old.constraints), sorted(old.constraints - new.constraints)
    if more:
        found.add("constraint_added", path, None, more, NONE, BREAKING, "xsd.key.add")
    if less:
        found.add("constraint_removed", path, less, None, BREAKING, NONE, "xsd.key.remove")


def abstract(found: Comparison, path: str, *, old: bool, new: bool) -> None:
    """Judge what cannot be sent itself any more, or can be from now on."""
    reader, writer = (NONE, BREAKING) if new else (BREAKING, NONE)
    found.add("abstract_changed", path, old, new, reader, writer, "xsd.abstract")


def content(found: Comparison, path: str, old: Complex, new: Complex) -> None:
    """Judge what may stand within an element."""
    if old.simple is not None and new.simple is not None:
        xsd_types.compare(found, path, old.simple, new.simple)
        return
    models = Models(old.particle, new.particle, found.builders)
    if (old.simple is None) != (new.simple is None):
        terms = models.term(0), models.term(1)
        writer, reader = _across(old, terms[0], new, terms[1]), _across(new, terms[1], old, terms[0])
        found.judged("content_changed", path, _manner(old), _manner(new), writer, reader, "xsd.content.kind")
        return
    if old.mixed != new.mixed:
        found.judged("mixed_changed", path, old.mixed, new.mixed, new.mixed, old.mixed, "xsd.mixed")
    _models(found, path, old, new, models)
    _children(found, path, old, new)


def _manner(one: Complex) -> str:
    return "simple" if one.simple is not None else "mixed" if one.mixed else "elements"


def _across(sub: Complex, left: Term, sup: Complex, right: Term) -> bool | None:
    """Tell whether text alone lies within elements, or elements within text alone."""
    if sub.simple is not None:
        if right.nullable and sup.mixed:
            return True
        return right.nullable and sub.simple == Simple(values=frozenset({""}), space=sub.simple.space)
    if left.kind != "empty" or sup.simple is None:
        return False
    return included(ANY_SIMPLE, sup.simple) if sub.mixed else accepts(sup.simple, "")


def _models(found: Comparison, path: str, old: Complex, new: Complex, models: Models) -> None:
    if old.particle is new.particle:
        return
    ignoring = found.policy.content_model == "open"
    forgiving = ignoring or found.policy.mode == "lenient"  # a writer may still send what is not read any more
    pool, left, right = models.pool, models.term(0), models.term(1)
    writer, sent = _fits(pool, models.term(0, ignored=True) if forgiving else left, right, old, new)
    reader, got = _fits(pool, models.term(1, ignored=True) if ignoring else right, left, old, new)
    details = _details(path, old, new)
    spoken = [_weighed(one, writer, reader, forgiven=ignoring) for one in details]
    if writer and reader:
        if forgiving and (left is not right):
            for one in spoken:
                found.add(*one)
        return
    for one in spoken:
        found.add(*one)
    named_reader = any(one[4] == BREAKING for one in spoken)
    named_writer = any(one[5] == BREAKING for one in spoken)
    rest_reader = NONE if reader or named_reader else Effect.warn if reader is None else BREAKING
    rest_writer = NONE if writer or named_writer else Effect.warn if writer is None else BREAKING
    unsure = (reader is None and rest_reader) or (writer is None and rest_writer)
    rule = _arranged(old, new, details) + (UNDECIDED if unsure else "")
    found.add(
        "content_changed",
        path,
        xsd_content.words(sent) or None,
        xsd_content.words(got) or None,
        rest_reader,
        rest_writer,
        rule,
    )


def _fits(pool: Pool, sub: Term, sup: Term, old: Complex, new: Complex) -> tuple[Fits, tuple[Any, ...]]:
    verdict, word = pool.within(sub, sup)
    if verdict is False and (xsd_content.unknown(old.particle) or xsd_content.unknown(new.particle)):
        return None, word
    return verdict, word


def _weighed(one: Detail, writer: Fits, reader: Fits, *, forgiven: bool) -> Detail:
    """Return a difference with the effects that it can have: none on a side that takes all that comes."""
    kind, path, before, after, to_reader, to_writer, rule = one
    spared = Effect.info if forgiven else NONE
    if reader is not False and to_reader:
        to_reader = spared if reader else NONE
    if writer is not False and to_writer:
        to_writer = spared if writer else NONE
    return kind, path, before, after, to_reader, to_writer, rule


def _details(path: str, old: Complex, new: Complex) -> list[Detail]:
    left, right = xsd_content.counts(old.particle), xsd_content.counts(new.particle)
    found = list[Detail]()
    for name in sorted({*left, *right}):
        where = f"{path}/{name}"
        if name not in left:
            needed = right[name][0] > 0
            rule = f"xsd.element.add{'.required' if needed else ''}"
            found.append(
                ("element_added", where, None, _often(right, name), BREAKING, BREAKING if needed else NONE, rule)
            )
        elif name not in right:
            needed = left[name][0] > 0
            rule = f"xsd.element.remove{'.required' if needed else ''}"
            found.append(
                ("element_removed", where, _often(left, name), None, BREAKING if needed else NONE, BREAKING, rule)
            )
        elif left[name] != right[name]:
            found.extend(_occurrence(where, left, right, name))
    if (before := _taken(old)) != (after := _taken(new)):
        reader, writer = (
            (BREAKING if set(after) - set(before) else NONE),
            (BREAKING if set(before) - set(after) else NONE),
        )
        found.append(("wildcard_changed", f"{path}/*", before, after, reader, writer, "xsd.any"))
    return found


def _taken(one: Complex) -> list[str]:
    return sorted(
        f"{'all but ' if w.others else ''}{sorted(w.spaces)} {w.process}" for w in xsd_content.wilds(one.particle)
    )


def _often(counted: Counts, name: str) -> str:
    low, high = counted[name]
    return f"{low}..{'unbounded' if high is None else high}"


def _occurrence(where: str, left: Counts, right: Counts, name: str) -> list[Detail]:
    (low, high), (least, most) = left[name], right[name]
    endless = float("inf")
    before, after = (endless if high is None else high), (endless if most is None else most)
    found, often = list[Detail](), (_often(left, name), _often(right, name))
    if low != least:
        reader, writer = (BREAKING, NONE) if least < low else (NONE, BREAKING)
        rule = f"xsd.occurs.min.{'lower' if least < low else 'raise'}"
        found.append(("occurrence_changed", where, *often, reader, writer, rule))
    if before != after:
        reader, writer = (BREAKING, NONE) if after > before else (NONE, BREAKING)
        rule = f"xsd.occurs.max.{'raise' if after > before else 'lower'}"
        found.append(("occurrence_changed", where, *often, reader, writer, rule))
    return found


def _arranged(old: Complex, new: Complex, details: list[Detail]) -> str:
    if xsd_content.kinds(old.particle) != xsd_content.kinds(new.particle):
        return "xsd.compositor"
    return "xsd.content" if details else "xsd.order"


def _children(found: Comparison, path: str, old: Complex, new: Complex) -> None:
    """Compare the elements that both have; what only one declares, and the other's wildcard takes, by its global one."""
    left, right = xsd_content.elements(old.particle), xsd_content.elements(new.particle)
    for name, before in left.items():
        _all(found, f"{path}/{name}", before, right.get(name, []))
    for name in left.keys() - right.keys() & found.builders[1].components.elements.keys() if _looks(new) else ():
        found.elements(f"{path}/{name}", left[name][0], found.builders[1].top(name))
    for name in right.keys() - left.keys() & found.builders[0].components.elements.keys() if _looks(old) else ():
        found.elements(f"{path}/{name}", found.builders[0].top(name), right[name][0])


def _all(found: Comparison, path: str, left: list[Element], right: list[Element]) -> None:
    """Compare the declarations of one name, at several places of a content model maybe."""
    if {xsd_content.said(one) for one in left} == {xsd_content.said(one) for one in right}:
        left, right = left[:1], [one for one in right if xsd_content.said(one) == xsd_content.said(left[0])][:1]
    for one in left:
        for other in right:
            found.elements(path, one, other)


def _looks(one: Complex) -> bool:
    """Tell whether a wildcard of a content model looks for a global element."""
    return any(wild.process != "skip" for wild in xsd_content.wilds(one.particle))
