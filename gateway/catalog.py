"""Loads what a city declares: YAML files, checked by JSON Schema and then against each other.

A wrong city, unit, platform or SLA file refuses the catalog. A wrong route or contract breaks that route only: it is
listed in `Catalog.broken` and the others run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from croniter import croniter
from jsonschema import Draft202012Validator

from gateway import contracts, declared, registered, settings
from gateway.errors import CatalogInvalid, ContractInvalid, GatewayError
from gateway.exchange import references
from gateway.model import (
    DAY,
    HUB,
    Catalog,
    Dataset,
    DeleteLimit,
    Hours,
    Platform,
    Rate,
    Route,
    Rule,
    Settle,
    SlaTerm,
    Unit,
)
from gateway.yamlfile import Located, parse, read

T = TypeVar("T")
Stamps = tuple[tuple[str, int, int], ...]
_WEEKLY = "0 3 * * 0"
REQUESTING = frozenset({"ogc", "rest", "soap"})  # connectors whose requests can be counted
READ_BACK = frozenset({"frontend"})  # connectors that tell later what a target holds of a batch
_SECRETS = ("password", "passwd", "secret", "token", "dsn", "api_key", "private_key")


def load(folder: Path | None = None) -> Catalog:
    """Return the catalog of a folder (default: GATEWAY_CATALOG); CatalogInvalid names file, line, field and remedy."""
    root = folder or settings.catalog_folder()
    if not (root / "city.yaml").exists():
        raise CatalogInvalid(f"there is no catalog in {root.name}/", "Set GATEWAY_CATALOG, or run `gateway init DIR`.")
    city = _checked(read(root / "city.yaml"), "city")
    return _loaded(root, _stamps([root, *(root / folder for folder in city.require("contracts"))]))


@lru_cache(4)
def _loaded(root: Path, _: Stamps) -> Catalog:
    """Return what the files hold; read anew when one has changed: a worker needs it several times a task."""
    city = _checked(read(root / "city.yaml"), "city")
    units = {u.unit: u for u in _units(root)}
    if (bureau := str(city.require("bureau"))) not in units:
        raise city.fault("bureau", f"there is no unit {bureau}", "Name a unit of units.yaml.")
    platforms = _platforms(_files(root, "platforms", "platform"), units)
    terms = _by_name((_term(d) for d in _files(root, "sla", "term")), "term")
    datasets, broken_datasets = _datasets(root, city)
    routes, broken = _routes(root, datasets, broken_datasets, platforms, terms)
    known = registered.Known(units, platforms, datasets, frozenset(broken_datasets))
    uses = _by_name((registered.of(d, known) for d in _files(root, "uses", "use")), "use")
    deadlines = _by_name((declared.of(d, known) for d in _files(root, "deadlines", "deadline")), "deadline")
    return Catalog(
        city=city.require("city"), english=city.get("english", ""), division=city.require("division"), root=root,
        units=units, platforms=platforms, datasets=datasets, routes=routes, terms=terms,
        code_files=_code_files(root, city),
        bureau=bureau, calendar_files=tuple(sorted(root.glob(city.get("calendar", "calendar/*.yaml")))), broken=broken, uses=uses,
        deadlines=deadlines,
        unused=tuple(str(e) for e in broken_datasets.values() if not any(e.message in b for b in broken.values())),
    )  # fmt: skip


def _stamps(folders: Iterable[Path]) -> Stamps:
    """Return every file below the folders with the moment of its last change and its size."""
    found = ((path, path.stat()) for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in found)


def problems(folder: Path | None = None) -> list[str]:
    """Return every fault of a catalog in words: the one that refuses it, or one per broken contract and route."""
    try:
        found = load(folder)
    except CatalogInvalid as error:
        return [str(error)]
    return [*found.unused, *(reason for _, reason in sorted(found.broken.items()))]


def _code_files(root: Path, city: Located) -> tuple[Path, ...]:
    for name in city.get("codes", []):
        if not (root / name).is_file():
            raise city.fault("codes", f"there is no file {name}", "Paths are relative to city.yaml; add the code list.")
    return tuple(root / name for name in city.get("codes", []))


def _units(root: Path) -> list[Unit]:
    path = root / "units.yaml"
    entries = parse(path) if path.exists() else []
    if not isinstance(entries or [], list):
        raise CatalogInvalid("units.yaml:1: the file must hold a list of units", "Write lines such as `- unit: gxj`.")
    found = []
    for entry in entries or []:
        _checked(Located(path, entry, path.read_text(encoding="utf-8")), "unit")
        found.append(Unit(str(entry["unit"]), entry["name"], entry.get("english", "")))
    return found


def _platforms(documents: list[Located], units: Mapping[str, Unit]) -> dict[str, Platform]:
    """Return the platforms, each with those of the same system."""
    found: dict[str, Platform] = _by_name((_platform(d, units) for d in documents), "platform")
    for document in documents:
        whole = found.get(found[document.require("platform")].part_of)
        if document.get("part_of") and (whole is None or whole.part_of):
            hint = "Name a platform that is no part of another, or remove the line."
            raise document.fault("part_of", f"{document.get('part_of')} is no platform that has parts", hint)
    systems = {name: platform.part_of or name for name, platform in found.items()}
    return {
        name: replace(platform, kin=tuple(n for n, system in systems.items() if system == systems[name]))
        for name, platform in found.items()
    }


def _platform(document: Located, units: Mapping[str, Unit]) -> Platform:
    if document.require("unit") not in units:
        raise document.fault("unit", f"there is no unit {document.get('unit')}", "Add it to units.yaml.")
    if document.require("platform") == HUB:
        raise document.fault("platform", f"{HUB} is the exchange platform itself", "Give the platform another name.")
    return Platform(
        platform=document.require("platform"), name=document.require("name"), connector=document.require("connector"),
        connection=document.require("connection"), unit=document.require("unit"), english=document.get("english", ""),
        description=document.get("description", ""), slots=document.get("pool", {}).get("slots", 2),
        clearance=document.get("clearance", ""), part_of=document.get("part_of", ""),
        options=document.get("options", {}), window=hours(document), rate=_rate(document),
    )  # fmt: skip


def hours(document: Located) -> Hours | None:
    """Return the window of a document; None when it has none."""
    found = document.get("window")
    if found is None:
        return None
    begins, ends = (int(text[:2]) * 60 + int(text[3:]) for text in (found["from"], found["to"]))
    if begins == ends:
        hint = 'A whole day is from: "00:00", to: "24:00"; without days that is no window: remove it.'
        raise document.fault("window", f"it opens and closes at {found['from']}", hint)
    return Hours(begins, ends + DAY if ends < begins else ends, found.get("days", "all"))


def _rate(document: Located) -> Rate:
    found = document.get("rate", {})
    if "requests_per_minute" in found and document.require("connector") not in REQUESTING:
        hint = f"Write rows_per_second; requests are counted for {', '.join(sorted(REQUESTING))}."
        raise document.fault(
            "rate.requests_per_minute", f"connector {document.require('connector')} makes no requests", hint
        )
    return Rate(**found)


def _term(document: Located) -> SlaTerm:
    return SlaTerm(
        document.require("term"),
        document.require("name"),
        document.require("freshness_minutes"),
        document.require("on_time_bp"),
        document.get("source_minutes", 0),
        document.get("days", "all"),
    )


def _datasets(root: Path, city: Located) -> tuple[dict[str, Dataset], dict[str, GatewayError]]:
    """Return the data sets, and for each contract that cannot be used its error by the name its file bears."""
    found: dict[str, Dataset] = {}
    broken: dict[str, GatewayError] = {}
    for folder in city.require("contracts"):
        for path in sorted((root / folder).glob("*.odcs.yaml")):
            try:
                dataset = contracts.load(path)
            except (CatalogInvalid, ContractInvalid) as error:
                broken[path.name.removesuffix(".odcs.yaml")] = error
            else:
                found[dataset.name] = dataset
    while dangling := dict(_dangling(found)):  # without these, those that look into them cannot be used either
        broken |= dangling
        found = {name: dataset for name, dataset in found.items() if name not in dangling}
    return found, broken


def _dangling(datasets: Mapping[str, Dataset]) -> Iterator[tuple[str, GatewayError]]:
    """Yield the data sets whose rules look into what is not there, with the error of each."""
    for name, dataset in datasets.items():
        try:
            references.refuse_unknown(dataset, datasets)
        except ContractInvalid as error:
            yield name, error


def _routes(
    root: Path, datasets: Mapping[str, Dataset], broken_datasets: Mapping[str, GatewayError],
    platforms: Mapping[str, Platform], terms: Mapping[str, SlaTerm],
) -> tuple[dict[str, Route], dict[str, str]]:  # fmt: skip
    routes: dict[str, Route] = {}
    broken: dict[str, str] = {}
    for path in sorted((root / "routes").glob("*.yaml")):
        try:
            route = _route(_checked(read(path), "route"), datasets, broken_datasets, platforms, terms)
            _refuse_rival(path, route, routes)
        except CatalogInvalid as error:
            broken[path.stem] = str(error)
        else:
            routes[route.route] = route
    for name in [] if broken else _unfed(routes):  # a broken route may be the one that feeds it
        route = routes.pop(name)
        fault = f"{name}.yaml:1: dataset: no route brings {route.dataset.name} into the hub"
        broken[name] = str(CatalogInvalid(fault, "Add a route that does, with to: hub, or remove this one."))
    return routes, broken


def _unfed(routes: Mapping[str, Route]) -> list[str]:
    """Return the routes that would deliver what nobody brings in."""
    fed = {r.dataset.name for r in routes.values() if not r.outbound}
    return [r.route for r in routes.values() if r.outbound and r.dataset.name not in fed]


def _route(
    document: Located, datasets: Mapping[str, Dataset], broken: Mapping[str, GatewayError],
    platforms: Mapping[str, Platform], terms: Mapping[str, SlaTerm],
) -> Route:  # fmt: skip
    if document.require("route") != document.path.stem:
        raise document.fault("route", "a route bears the name of its file", f"Write route: {document.path.stem}.")
    name = document.require("dataset")
    if name in broken:
        raise document.fault("dataset", f"its contract cannot be used: {broken[name].message}", broken[name].hint)
    dataset = _known(document, "dataset", datasets, "contract")
    mask, withhold = (tuple(document.get(name, [])) for name in ("mask", "withhold"))
    _refuse_hidden(document, dataset, mask, withhold)
    peer = _peer(document, dataset, platforms, hidden={*mask, *withhold})
    if document.require("mode") == "incremental" and dataset.cursor is None:
        raise document.fault(
            "mode", f"{name} has no cursor", "Write mode: snapshot, or give the contract a gatewayCursor."
        )
    limit = document.get("delete_limit")
    return Route(
        route=document.require("route"), dataset=dataset, peer=peer, mode=document.require("mode"),
        schedule=_schedule(document, datasets, broken), sla=_known(document, "sla", terms, "SLA term"),
        delete_limit=DeleteLimit(**limit) if limit else dataset.delete_limit, description=document.get("description", ""),
        compare=_compare(document), preflight=_preflight(document, dataset), mask=mask, withhold=withhold,
        belongs_to=_belongs_to(document, dataset, datasets), addressed=_addressed(document, dataset), settle=_settle(document, peer),
    )  # fmt: skip


def _peer(document: Located, dataset: Dataset, platforms: Mapping[str, Platform], *, hidden: set[str]) -> Platform:
    """Return the platform at the other end; a delivery goes from the hub to it, everything else from it to the hub."""
    outbound = document.require("mode") == "delivery"
    here, there = ("from", "to") if outbound else ("to", "from")
    if document.require(here) != HUB:
        hint = f"Write {here}: {HUB}; mode delivery leads out of the hub, the other modes into it."
        raise document.fault(here, f"a route of mode {document.require('mode')} goes {here} the hub", hint)
    peer: Platform = _known(document, there, platforms, "platform")
    if outbound:
        _refuse_unclear(document, dataset, peer, hidden)
    return peer


def _belongs_to(document: Located, dataset: Dataset, datasets: Mapping[str, Dataset]) -> Dataset | None:
    """Return the data set of which the target brought the rows that the delivered ones belong to."""
    if document.get("belongs_to") is None:
        return None
    if document.require("mode") != "delivery":
        raise document.fault("belongs_to", "only a delivery chooses its rows", "Remove the line.")
    other: Dataset = _known(document, "belongs_to", datasets, "contract")
    if lacking := [name for name in other.key if name not in dataset.key]:  # of a row that is gone only the key is left
        hint = "A row belongs to another by its key: name a data set whose key is a part of this one's."
        raise document.fault("belongs_to", f"the key of {dataset.name} lacks {', '.join(lacking)}", hint)
    return other


def _addressed(document: Located, dataset: Dataset) -> str:
    """Return the field that names whom a row is for; of a row that is gone only the key is left, so it is of the key."""
    name = str(document.get("addressed", ""))
    if name and document.require("mode") != "delivery":
        raise document.fault("addressed", "only a delivery chooses its rows", "Remove the line.")
    if name and (name not in dataset.key or dataset.field(name).hub_type != "text"):
        hint = "Name a text field of the key that holds the name of a platform."
        raise document.fault("addressed", f"{name} is no text in the key of {dataset.name}", hint)
    return name


def _settle(document: Located, peer: Platform) -> Settle | None:
    """Return how long a delivered batch may be refused; only what can be read back is ever presumed accepted."""
    found = document.get("settle")
    if found is None:
        return None
    if document.require("mode") != "delivery":
        raise document.fault("settle", "only a delivery is refused later", "Remove the line.")
    if peer.connector not in READ_BACK:
        hint = f"Nobody can look whether a batch is still there; settle is for {', '.join(sorted(READ_BACK))}."
        raise document.fault("settle", f"connector {peer.connector} does not read back what was sent", hint)
    return Settle(**found)


def _refuse_hidden(document: Located, dataset: Dataset, mask: tuple[str, ...], withhold: tuple[str, ...]) -> None:
    """Refuse to hide what cannot be hidden: on the way in, a key, a field there is not; to mask what is no text."""
    for name, fields in (("mask", mask), ("withhold", withhold)):
        if fields and document.require("mode") != "delivery":
            raise document.fault(name, "only a delivery hides fields", "Remove the line.")
        for field in fields:
            if field not in dataset.columns:
                raise document.fault(name, f"{dataset.name} has no field {field}", "Use the names of its contract.")
            if field in dataset.key:
                raise document.fault(name, f"{field} is of the key", "A row cannot be known again without its key.")
    if wrong := [f for f in mask if dataset.field(f).hub_type != "text"]:
        raise document.fault("mask", f"{', '.join(wrong)} is no text", "Write it under withhold.")


def _refuse_unclear(document: Located, dataset: Dataset, peer: Platform, hidden: set[str]) -> None:
    """Refuse to deliver a field of a higher class than the platform may hold: the whole route, not the field alone."""
    above = [
        f"{f.name} ({f.classification})"
        for f in dataset.fields
        if f.classification > peer.clearance and f.name not in hidden
    ]
    if above:
        may = f"is cleared up to {peer.clearance}" if peer.clearance else "is cleared for nothing"
        raise document.fault(
            "to", f"platform {peer.platform} {may}, {dataset.name} holds {', '.join(above)}",
            "Name these fields under mask or withhold, or give the platform the clearance that its operator was granted.",
        )  # fmt: skip


def _compare(document: Located) -> str | None:
    """Return when an incremental route compares everything; without it deletes at the source would never arrive."""
    line = str(document.get("compare", _WEEKLY)).strip()
    if not croniter.is_valid(line):
        raise document.fault("compare", f"{line!r} is not a cron line", f'Write for example "{_WEEKLY}".')
    return line if document.require("mode") == "incremental" else None


def _preflight(document: Located, dataset: Dataset) -> tuple[Rule, ...]:
    """Return the target's own rules: checks of a row alone, in the vocabulary of contracts."""
    declared = document.get("preflight", [])
    if declared and document.require("mode") != "delivery":
        raise document.fault(
            "preflight", "only a delivery has rules of its target", "Write the rule into the contract."
        )
    found = []
    for entry in declared:
        try:
            found.append(contracts.preflight_rule(entry, dataset))
        except ContractInvalid as error:
            raise document.fault("preflight", error.message, error.hint) from None
    return tuple(found)


def _schedule(document: Located, datasets: Mapping[str, Dataset], broken: Mapping[str, GatewayError]) -> str:
    schedule = str(document.require("schedule")).strip()
    if schedule.startswith("after:"):
        wanted = schedule.removeprefix("after:").strip()
        if wanted not in datasets and wanted not in broken:
            raise document.fault(
                "schedule", f"there is no data set {wanted}", "Name a data set that a route brings in."
            )
    elif schedule != "manual" and not croniter.is_valid(schedule):
        hint = 'Write a cron line such as "*/10 * * * *", "after: pop.person", or manual.'
        raise document.fault("schedule", f"{schedule!r} is not a schedule", hint)
    return schedule


def _refuse_rival(path: Path, route: Route, routes: Mapping[str, Route]) -> None:
    for other in routes.values():
        if (other.dataset.name, other.origin, other.target) == (route.dataset.name, route.origin, route.target):
            raise CatalogInvalid(
                f"{path.name}:1: route: {other.route} already carries {route.dataset.name} from {route.origin} to {route.target}",
                "Remove one of the two; one route carries a data set from one place to another.",
            )


def _known(document: Located, field: str, known: Mapping[str, T], what: str) -> T:
    name = document.require(field)
    if name not in known:
        listed = ", ".join(sorted(known)) or "none yet"
        raise document.fault(field, f"there is no {what} {name}", f"Use one of: {listed}.")
    return known[name]


def _files(root: Path, folder: str, key: str) -> list[Located]:
    kind = {"platforms": "platform", "sla": "term", "uses": "use", "deadlines": "deadline"}[folder]
    found = []
    for path in sorted((root / folder).glob("*.yaml")):
        document = _checked(read(path), kind)
        if document.require(key) != path.stem:
            raise document.fault(key, f"a {key} bears the name of its file", f"Write {key}: {path.stem}.")
        found.append(document)
    return found


def _by_name(things: Any, attribute: str) -> dict[str, Any]:
    return {getattr(thing, attribute): thing for thing in things}


def _checked(document: Located, kind: str) -> Located:
    return checked(document, _validator(kind), kind)


def checked(document: Located, validator: Draft202012Validator, kind: str) -> Located:
    """Check a document by JSON Schema and refuse anything that looks like a secret; CatalogInvalid names the place."""
    _refuse_secrets(document, document.data)
    for error in sorted(validator.iter_errors(document.data), key=lambda e: list(e.absolute_path)):
        where = ".".join(map(str, error.absolute_path)) or _named(error.message) or kind
        raise document.fault(where, error.message.replace("'", ""), _hint(error))
    return document


def _refuse_secrets(document: Located, value: Any) -> None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if str(name).lower() in _SECRETS:
                raise document.fault(
                    str(name), "a secret must not stand in the catalog", "Set GATEWAY_CONN_<NAME> instead."
                )
            _refuse_secrets(document, inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_secrets(document, inner)


@cache
def _validator(kind: str) -> Draft202012Validator:
    schema = json.loads((Path(__file__).parent / "schemas" / "catalog.json").read_text(encoding="utf-8"))
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{kind}"})


def _named(message: str) -> str:
    quoted = message.split("'")
    return quoted[1] if len(quoted) > 1 else ""


def _hint(error: Any) -> str:
    hints: dict[str, Callable[[], str]] = {
        "enum": lambda: f"Write one of: {', '.join(map(str, error.validator_value))}.",
        "const": lambda: f"Write {error.validator_value}.",
        "required": lambda: "Add the missing line.",
        "additionalProperties": lambda: f"Known here: {', '.join(sorted(error.schema['properties']))}.",
        "type": lambda: "Write it in quotes." if error.validator_value == "string" else _must(error),
        "pattern": lambda: f"It must match {error.validator_value}.",
    }
    return hints.get(error.validator, lambda: _must(error))()


def _must(error: Any) -> str:
    return f"It must be: {error.validator} {error.validator_value}."
