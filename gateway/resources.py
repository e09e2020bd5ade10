"""The catalogue of resources (资源目录): what the city exchanges, in whose care, how often, and with whom it is shared.

Made from the catalog and the contracts alone: as contracts of the open standard, as CSV, and as a page to read.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gateway.model import Catalog, Dataset, Route
from gateway.yamlfile import read

_WEEKDAYS = dict(zip("01234567", "日一二三四五六日", strict=True))
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Resource:
    """A data set with its owner and the routes that bring it in and carry it on; `document` is its contract as written."""

    dataset: Dataset
    owner: str
    document: Mapping[str, Any]
    sources: tuple[Route, ...]
    shared: tuple[Route, ...]

    @property
    def highest_class(self) -> str:
        """Return the highest classification among the fields."""
        return max(f.classification for f in self.dataset.fields)

    @property
    def purpose(self) -> str:
        """Return what the contract says the data set is for."""
        return str((self.document.get("description") or {}).get("purpose", ""))

    def description(self, field: str) -> str:
        """Return what the contract says of a field."""
        properties = self.document["schema"][0]["properties"]
        return str(next((p.get("description", "") for p in properties if p["name"] == field), ""))


def resources(catalog: Catalog) -> list[Resource]:
    """Return every data set of the catalog, by name."""
    routes = sorted(catalog.routes.values(), key=lambda r: r.route)
    found = []
    for name, dataset in sorted(catalog.datasets.items()):
        mine = [r for r in routes if r.dataset.name == name]
        owner = catalog.units[dataset.owner].name if dataset.owner in catalog.units else dataset.owner
        found.append(
            Resource(
                dataset, owner, read(dataset.path).data if dataset.path else {},
                tuple(r for r in mine if not r.outbound), tuple(r for r in mine if r.outbound),
            )
        )  # fmt: skip
    return found


def export(catalog: Catalog, folder: Path) -> int:
    """Write contracts, CSV files and the page below a folder; return the number of data sets. OSError when it cannot."""
    found = resources(catalog)
    (folder / "contracts").mkdir(parents=True, exist_ok=True)
    for resource in found:
        text = yaml.safe_dump(_contract(resource), allow_unicode=True, sort_keys=False, width=120)
        (folder / "contracts" / f"{resource.dataset.name}.odcs.yaml").write_text(text, encoding="utf-8")
    _write_csv(folder / "datasets.csv", map(_dataset_row, found))
    _write_csv(folder / "fields.csv", (row for resource in found for row in _field_rows(resource)))
    (folder / "index.html").write_text(_page(catalog, found), encoding="utf-8")
    return len(found)


def coverage(catalog: Catalog) -> list[dict[str, Any]]:
    """Return each platform with its unit and the number of routes that use it, either way."""
    routes = catalog.routes.values()
    return [
        {"platform": p.platform, "name": p.name, "unit": catalog.units[p.unit].name, "connector": p.connector,
         "inbound": sum(r.peer.platform == p.platform and not r.outbound for r in routes),
         "outbound": sum(r.peer.platform == p.platform and r.outbound for r in routes)}
        for p in sorted(catalog.platforms.values(), key=lambda p: p.platform)
    ]  # fmt: skip


def when(route: Route) -> str:
    """Return when a route runs, in Chinese; a cron line that is none of the usual ones stays as it is."""
    if route.after:
        return f"{route.after} 入库之后"
    if route.schedule == "manual":
        return "手动"
    minute, hour, *day = route.schedule.split()
    if hour == "*" and day == ["*"] * 3 and (minute == "*" or minute.startswith("*/")):
        return "每分钟" if minute == "*" else f"每 {minute[2:]} 分钟"
    if minute.isdigit() and hour.isdigit() and day[:2] == ["*", "*"]:
        at = f"{int(hour):02}:{int(minute):02}"
        if day[2] == "*":
            return f"每日 {at}"
        if day[2] in _WEEKDAYS:
            return f"每周{_WEEKDAYS[day[2]]} {at}"
    return f"{route.schedule}（北京时间）"


def _contract(resource: Resource) -> dict[str, Any]:
    """Return the contract with owner, frequency, freshness and who may read it, where the standard has a place for them."""
    document = dict(resource.document)
    agreed = list(document.get("slaProperties", []))
    for route in resource.sources:
        agreed.append(
            {"property": "frequency", "value": route.schedule, "description": f"{route.peer.name}，{when(route)}"}
        )
        freshness = {"property": "freshness", "value": route.sla.freshness_minutes, "unit": "m"}
        agreed.append({**freshness, "description": f"{route.peer.name}，{route.sla.name}"})
    document["slaProperties"] = agreed
    document["team"] = {"name": resource.owner}
    document["roles"] = [
        {"role": r.peer.platform, "access": "read", "description": f"{r.peer.name}，许可级别 {r.peer.clearance}，{when(r)}"}
        for r in resource.shared
    ]  # fmt: skip
    return document


def _dataset_row(resource: Resource) -> dict[str, Any]:
    dataset = resource.dataset
    return {
        "dataset": dataset.name, "name": dataset.chinese, "version": dataset.version, "owner": resource.owner,
        "purpose": resource.purpose, "key": " ".join(dataset.key), "fields": len(dataset.fields),
        "highest_class": resource.highest_class, "from": "；".join(r.peer.name for r in resource.sources),
        "frequency": "；".join(map(when, resource.sources)), "sla": "；".join(r.sla.name for r in resource.sources),
        "shared_with": "；".join(r.peer.name for r in resource.shared),
        "shared_when": "；".join(map(when, resource.shared)),
    }  # fmt: skip


def _field_rows(resource: Resource) -> Iterable[dict[str, Any]]:
    for field in resource.dataset.fields:
        yield {
            "dataset": resource.dataset.name, "field": field.name, "name": field.chinese, "type": field.type,
            "required": "是" if field.required else "否", "key": "是" if field.name in resource.dataset.key else "否",
            "classification": field.classification, "description": resource.description(field.name),
        }  # fmt: skip


def _write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows with a heading; the byte-order mark lets spreadsheets read the Chinese."""
    listed = list(rows)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(listed[0]) if listed else [])
        writer.writeheader()
        writer.writerows(listed)


def _page(catalog: Catalog, found: list[Resource]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - only who writes a page pays it

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("resources.html").render(catalog=catalog, resources=found, when=when)
