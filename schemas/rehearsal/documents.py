"""Rehearse a change of documents: records as the gateway last had them, judged by the old schema and by the new one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema
from psycopg2.extensions import connection as Connection

from gateway import settings
from gateway.deployment import Deployment
from gateway.model import Dataset, Platform
from schemas.notice.store import Revision
from schemas.rehearsal import sample
from schemas.rehearsal.masks import Masks
from schemas.rehearsal.replay import FAIL, NOT_POSSIBLE, PASS, Check


def checks(
    deployment: Deployment, hub: Connection, revision: Revision, dataset: Dataset, platform: Platform, rows: int
) -> tuple[Check, ...]:
    """Return whether the newest records of a data set fit the announced schema, under the names that the platform gives them."""
    del deployment
    kind, old, new = (revision.body.get(name) for name in ("kind", "old", "new"))
    if kind != "jsonschema" or old is None or new is None:
        said = f"documents of kind {kind or 'unknown'} have no records that could be judged"
        return (Check("records", dataset.name, NOT_POSSIBLE, said),)
    masks = Masks(settings.now().astimezone(settings.CHINA).date())
    named = platform.options.get("resources", {}).get(dataset.name, {}).get("fields", {})
    records = [_record(row, named) for row in sample.of_hub(hub, dataset, masks, rows)]
    return (_judged(dataset.name, records, old, new),)


def _record(row: Mapping[str, Any], named: Mapping[str, str]) -> dict[str, Any]:
    return {named.get(name, name): value for name, value in row.items() if value is not None}


def _judged(name: str, records: Sequence[dict[str, Any]], old: Any, new: Any) -> Check:
    """Judge records that fit the old schema by the new one: others are not what the schemas speak of."""
    before, after = (jsonschema.Draft202012Validator(schema) for schema in (old, new))
    fitting = [record for record in records if before.is_valid(record)]
    if not fitting:
        said = "no record of the hub is like the documents that are announced" if records else "the hub holds no record"
        return Check("records", name, NOT_POSSIBLE, said)
    for record in fitting:
        error = next(iter(after.iter_errors(record)), None)
        if error is not None:
            place = ".".join(map(str, error.absolute_path)) or "the record"
            return Check("records", name, FAIL, f"{place} breaks {error.validator}", len(fitting))
    return Check("records", name, PASS, "", len(fitting))
