"""What a caller must prove: each way in that was open must still be one, whatever the description calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.diff.api.sides import Api, Sides
from schemas.diff.model import Change, Effect

_ADDRESSES = ("tokenUrl", "authorizationUrl", "refreshUrl")


@dataclass(frozen=True, slots=True)
class _Proof:
    """One thing to prove: by what scheme, with which scopes, along which flows, and where a token is asked for."""

    scheme: tuple[str, ...]
    scopes: frozenset[str]
    flows: frozenset[str]
    addresses: frozenset[tuple[str, ...]]

    def suffices(self, wanted: _Proof) -> bool:
        """Tell whether who proves this has proven the other."""
        return self.scheme == wanted.scheme and wanted.scopes <= self.scopes and self.flows <= wanted.flows


def security(sides: Sides, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield a change of what a caller must prove."""
    named: tuple[Any, Any] = _named(sides.old, old), _named(sides.new, new)
    before, after = (_ways(api, ways) for api, ways in zip((sides.old, sides.new), named, strict=True))
    if before == after:
        return
    spot = f"{place} > security"
    was, now = named if named[0] != named[1] else (_shown(before), _shown(after))
    let_in = all(any(_open(way, other) for other in after) for way in before)
    if let_in and {_addresses(way) for way in before} - {_addresses(way) for way in after}:
        yield Change("security_moved", spot, was, now, Effect.warn, Effect.warn, "openapi.security.address")
        return
    harm, rule = (Effect.info, "openapi.security.loosen") if let_in else (Effect.breaking, "openapi.security.add")
    yield Change("security_changed", spot, was, now, harm, harm, rule)


def _named(api: Api, operation: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    value = operation.get("security", api.root.get("security"))
    return [{str(n): sorted(map(str, scopes or ())) for n, scopes in way.items()} for way in value or ()] or [{}]


def _ways(api: Api, named: list[dict[str, list[str]]]) -> list[list[_Proof]]:
    schemes = (api.root.get("components") or {}).get("securitySchemes") or {}
    return [[_proof(api, name, scopes, schemes) for name, scopes in sorted(way.items())] for way in named]


def _proof(api: Api, name: str, scopes: list[str], schemes: Mapping[str, Any]) -> _Proof:
    """Return what a scheme asks for; one that the document does not define is known by its name alone."""
    if name not in schemes:
        return _Proof(("", name), frozenset(scopes), frozenset(), frozenset())
    known = api.resolved(schemes[name])
    kind, place, key = (str(known.get(word) or "") for word in ("type", "in", "name"))
    flows = known.get("flows") or {}
    asked: set[tuple[str, ...]] = {
        (flow, word, str(flows[flow].get(word))) for flow in flows for word in _ADDRESSES if word in flows[flow]
    }
    if "openIdConnectUrl" in known:
        asked.add(("openIdConnectUrl", str(known["openIdConnectUrl"])))
    scheme = (kind, place, key.lower() if place == "header" else key, str(known.get("scheme") or "").lower())
    return _Proof(scheme, frozenset(scopes), frozenset(map(str, flows)), frozenset(asked))


def _open(way: list[_Proof], wanted: list[_Proof]) -> bool:
    return all(any(proof.suffices(other) for proof in way) for other in wanted)


def _addresses(way: list[_Proof]) -> frozenset[tuple[str, ...]]:
    return frozenset().union(*(proof.addresses for proof in way))


def _shown(ways: list[list[_Proof]]) -> list[list[dict[str, Any]]]:
    """Return ways as values of JSON, for schemes whose names stayed while what they ask for did not."""
    return [
        [
            {"scheme": " ".join(filter(None, p.scheme)), "flows": sorted(p.flows), "at": sorted(a[-1] for a in p.addresses)}
            for p in way
        ]
        for way in ways
    ]  # fmt: skip
