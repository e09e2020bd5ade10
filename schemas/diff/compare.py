"""One comparison: which differ judges a kind of document, and what an absent endpoint means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, get_args

from schemas.diff.model import Answer, BadDocument, Change, Effect, Policy, Role

# Each module has `diff(old, new, policy) -> Iterable[Change]`; XML comes as text, everything else as JSON values.
_DIFFERS = {
    "pg": "schemas.diff.pg",
    "mysql": "schemas.diff.mysql",
    "jsonschema": "schemas.diff.jsonschema",
    "openapi": "schemas.diff.openapi",
    "xsd": "schemas.diff.xsd",
    "wsdl": "schemas.diff.wsdl",
    "ogc": "schemas.diff.ogc",
    "file": "schemas.diff.layout",
    "codelist": "schemas.diff.codelist",
}
KINDS = tuple(_DIFFERS)


def compare(kind: str, old: Any, new: Any, role: str, policy: Policy) -> Answer:
    """Compare two documents of a kind for a role; None is an endpoint that does not exist.

    Raises BadDocument when kind or role is unknown, or a document is not of its kind.
    """
    if not isinstance(kind, str) or kind not in _DIFFERS:
        raise BadDocument(f"kind: {kind!r} is none of {', '.join(KINDS)}")
    if role not in get_args(Role):
        raise BadDocument(f"role: {role!r} is none of {', '.join(get_args(Role))}")
    side: Role = role  # type: ignore[assignment]  # looked up just above
    return Answer.of(_changes(kind, old, new, policy), side)


def _changes(kind: str, old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    if old is None and new is None:
        return ()
    if old is None:
        return (Change("endpoint_added", "", None, "present", Effect.info, Effect.none, f"{kind}.endpoint.add"),)
    if new is None:
        harm = Effect.breaking
        return (Change("endpoint_removed", "", "present", None, harm, harm, f"{kind}.endpoint.remove"),)
    differ: Callable[[Any, Any, Policy], Iterable[Change]] = import_module(_DIFFERS[kind]).diff
    return differ(old, new, policy)
