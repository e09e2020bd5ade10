"""What the format of a front end says wherever its tables lie: the envelope, a batch's name, its times, and refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from connectors import frontend_options
from connectors.frontend_options import Exchange, Resource
from gateway.errors import CatalogInvalid, SchemaMismatch
from gateway.model import Dataset, Field, Platform
from gateway.ports import Outgoing, Verdict

ZONE = ZoneInfo("Asia/Shanghai")  # the format's times are the wall clock's
ENVELOPE = ("cd_batch", "cd_operation", "cd_time", "data_source")
UNKNOWN = "对方前置库中已没有该行的完整内容,无法报送删除 / the row is no longer at the front end, so that its deletion cannot be told"
MOST_REFUSED = 10_000
_LAST_DIGITS = 10_000
_BATCH = re.compile(r"[0-9]{6}[0-9A-Za-z]{4}([0-9]{14})[0-9]{4}", re.ASCII)
_KINDS = {
    "required": "{}在对方表中不能为空 / {} must not be empty there",
    "length": "{}超过对方表允许的长度 / {} is too long for their table",
    "charset": "{}含有对方表字符集无法保存的字符 / {} has characters that the character set of their table cannot hold",
}


def up_of(platform: Platform, options: Exchange, dataset: Dataset) -> Resource:
    """Return where a data set is written; CatalogInvalid when something of it is not declared."""
    found = frontend_options.resource(platform, dataset)
    lacking = [name for name, value in (("up", found.up), ("code", found.code)) if not value]
    lacking += [name for name in ("region", "source") if not getattr(options, name)]
    if lacking:
        raise CatalogInvalid(
            f"platform {platform.platform}: {dataset.name} cannot be written without {', '.join(lacking)}",
            "Add it to the platform's options; the manual's page Connectors tells what it means.",
        )
    return found


def down_of(platform: Platform, dataset: Dataset) -> str:
    """Return the table in which a data set is read; CatalogInvalid when it is not declared."""
    down = frontend_options.resource(platform, dataset).down
    if not down:
        hint = "Add the name of the table that the platform fills, or correct the route's source."
        raise CatalogInvalid(f"platform {platform.platform}: options.resources.{dataset.name} has no down table", hint)
    return down


def without_envelope(dataset: Dataset, columns: dict[str, str]) -> dict[str, str]:
    """Return the columns of a down table; what only the envelope needs is no surprise."""
    return {n: t for n, t in columns.items() if n in dataset.columns or n not in ENVELOPE}


def table_hint(dataset: Dataset, option: str) -> str:
    """Return what to do when the table of an option is not there."""
    return f"Ask the platform's owner; then mend options.resources.{dataset.name}.{option} of the platform."


def written(dataset: Dataset) -> list[Field]:
    """Return the fields whose value is the row's own; the envelope says the others."""
    return [f for f in dataset.fields if f.name not in ENVELOPE]


def batch_name(options: Exchange, up: Resource, number: int, left: datetime) -> str:
    """Return the batch number of the format: region, data set, moment, the last digits of ours; 28 characters."""
    return f"{options.region}{up.code}{left.astimezone(ZONE):%Y%m%d%H%M%S}{number % _LAST_DIGITS:04}"


def wall(moment: datetime) -> datetime:
    """Return a moment as the format writes it: the wall clock of China in whole seconds."""
    return moment.astimezone(ZONE).replace(tzinfo=None, microsecond=0)


def refused(dataset: Dataset, batch: Outgoing, key: Sequence[Any], error: str, words: str) -> Verdict:
    """Return the verdict on a row that is told before the others are taken."""
    texts = {name: None if v is None else str(v) for name, v in zip(dataset.key, key, strict=True)}
    name = sha256(repr((batch.number, error, *key)).encode()).hexdigest()  # a key may be a personal number
    return Verdict(name, texts, batch.number, error, words, batch.left)


def returned(
    where: str, number: str | None, key: Mapping[str, str | None], batch: str | None, error: str | None, words_: str,
    at: datetime | None, sent: datetime | None,
) -> Verdict:  # fmt: skip
    """Return what a row of the table of returns tells; SchemaMismatch without its name or its moment.

    A row that does not tell when what it refuses was sent tells it by the name of the batch.
    """
    if not number:
        hint = "Ask the platform's owner to name each return: it counts once by its name."
        raise SchemaMismatch(f"{where} has a row without row_guid", hint)
    if at is None:
        hint = "Ask the platform's owner for the moment of each return; a zero date is none."
        raise SchemaMismatch(f"{where} has a row without cd_time", hint)
    left = _zoned(sent) if sent else _named_in(batch or "")
    return Verdict(number, key, None, error or "-", words_, _zoned(at), left)


def repeated_row(where: str, key: Mapping[str, str | None], batch: str, words_: str, sent: datetime | None) -> Verdict:
    """Return what a row of a table that repeats refused rows tells; SchemaMismatch without the moment it was sent.

    Such a return has neither name nor moment of its own: the same words about the same row of a batch are one.
    """
    name = sha256(repr((batch, words_, sorted(key.items()))).encode()).hexdigest()  # a key may be a personal number
    return returned(where, name, key, batch, None, words_, sent, sent)


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


def _named_in(batch: str) -> datetime | None:
    found = _BATCH.fullmatch(batch)
    try:
        return datetime.strptime(found[1], "%Y%m%d%H%M%S").replace(tzinfo=ZONE) if found else None
    except ValueError:
        return None


def words(field: Field, kind: str) -> str:
    """Return what is said of a field that the table would refuse."""
    return _KINDS[kind].format(field.chinese or field.name, field.name)


def too_many(table: str, platform: str) -> SchemaMismatch:
    """Return the error for more refusals than single rows explain."""
    return SchemaMismatch(
        f"more than {MOST_REFUSED} rows do not fit table {table} of platform {platform}",
        "Nothing was written. Compare the contract with their table: this is a change of structure, not bad rows.",
    )
