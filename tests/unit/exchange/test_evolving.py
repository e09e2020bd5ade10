"""What a contract's new version does to its hub table, and what of it needs a notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from psycopg2 import sql

from gateway.errors import CatalogInvalid, GateClosed
from gateway.exchange import evolving
from gateway.model import Dataset, Field

FIELDS = (Field("id", "varchar(18)"), Field("name", "varchar(20)"), Field("sex", "smallint"))
DATASET = Dataset("test.person", "测试", "2.0.0", "person", FIELDS, ("id",), (), "gaj")
FOUND = {"id": "text", "name": "text", "sex": "smallint", "gw_source": "text", "gw_batch": "bigint"}


def changed(*fields: Field, key: tuple[str, ...] = ("id",)) -> Dataset:
    """Return the contract with other fields."""
    return replace(DATASET, fields=fields, key=key)


@pytest.mark.parametrize(
    ("dataset", "opened", "expected"),
    [
        (DATASET, {}, {}),
        # what comes needs no notice
        (changed(*FIELDS, Field("age", "integer")), {}, {"added": ["age"]}),
        # a rename that was announced keeps its values
        (changed(FIELDS[0], replace(FIELDS[1], name="full"), FIELDS[2]), {"name": "full"}, {"renamed": {"name": "full"}}),
        # announced under another name than the contract's: the old one goes, the new one comes empty
        (changed(FIELDS[0], replace(FIELDS[1], name="full"), FIELDS[2]), {"name": "whole"}, {"added": ["full"], "dropped": ["name"]}),
        (changed(*FIELDS[:2]), {"sex": None}, {"dropped": ["sex"]}),
        (changed(*FIELDS[:2], Field("sex", "integer")), {"sex": None}, {"retyped": ["sex"]}),
        # renamed and retyped at once
        (changed(*FIELDS[:2], Field("gender", "integer")), {"sex": "gender"}, {"renamed": {"sex": "gender"}, "retyped": ["gender"]}),
        # a longer text is text still
        (changed(FIELDS[0], Field("name", "varchar(200)"), FIELDS[2]), {}, {}),
    ],
)  # fmt: skip
def test_what_differs_is_found(dataset: Dataset, opened: dict[str, str | None], expected: dict[str, Any]) -> None:
    """Added, renamed, dropped, retyped; gateway columns are nobody's."""
    made = evolving.between(dataset, FOUND, opened)
    assert {name: value for name, value in made.as_dict().items() if value} == expected


@pytest.mark.parametrize(
    ("dataset", "opened", "error", "words"),
    [
        (changed(*FIELDS[:2]), {}, GateClosed, "still has column sex"),
        (changed(*FIELDS[:2]), {"name": None}, GateClosed, "still has column sex"),  # another was announced
        (changed(*FIELDS[:2], Field("sex", "integer")), {}, GateClosed, "field sex is integer, the hub holds smallint"),
    ],
)
def test_what_was_not_announced_is_refused(
    dataset: Dataset, opened: dict[str, str | None], error: Any, words: str
) -> None:
    """By the name of the column."""
    with pytest.raises(error, match=words):
        evolving.between(dataset, FOUND, opened)


def test_tombstones_follow_the_key() -> None:
    """Of a key that was renamed, the table of deleted keys is renamed too; of other columns it knows none."""
    dataset = changed(replace(FIELDS[0], name="number"), *FIELDS[1:], key=("number",))
    made = evolving.between(dataset, FOUND, {"id": "number"})
    where = sql.SQL("t"), sql.SQL("g")
    assert len(evolving.statements(made, dataset, *where, {})) == 2
    other = evolving.between(changed(FIELDS[0], replace(FIELDS[1], name="full"), FIELDS[2]), FOUND, {"name": "full"})
    assert len(evolving.statements(other, DATASET, *where, {})) == 1


@pytest.mark.parametrize(
    ("dataset", "opened", "refused"),
    [
        (changed(*FIELDS[:2]), {"sex": None}, False),
        (changed(replace(FIELDS[0], name="number"), *FIELDS[1:], key=("number",)), {"id": "number"}, False),
        (changed(*FIELDS[1:], key=("name",)), {"id": None}, True),
        (changed(*FIELDS[:2], key=("id", "name")), {"sex": None}, True),
    ],
)
def test_another_key_is_another_data_set(dataset: Dataset, opened: dict[str, str | None], refused: bool) -> None:
    """Announced or not; under a new name it is the same."""
    made = evolving.between(dataset, FOUND, opened)
    if not refused:
        evolving.refuse_new_key(dataset, ["id"], made)
        return
    with pytest.raises(CatalogInvalid, match="its key is not"):
        evolving.refuse_new_key(dataset, ["id"], made)
