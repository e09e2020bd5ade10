"""How a source is read into landing: everything, a window, or what differs from the hub.

A typed source streams its rows and compares itself by key and hash in place. An untyped one sends records; the hub
gives them their types, and what is compared is a landed copy of the whole set.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol

from psycopg2 import sql

from gateway.errors import SchemaMismatch
from gateway.exchange import compare, raw
from gateway.exchange.attempt import Attempt
from gateway.exchange.landing import Landing
from gateway.exchange.pipe import pipe, pipe_copy, pipe_parts
from gateway.model import Dataset
from gateway.ports import Hashing, Repairing, Snapshot, Source, Window

_STREAMS = 2  # measured: a second stream over a shared snapshot takes a third off the wall time of a first load
Guard = Callable[[compare.Difference], None]


class Reading(Protocol):
    """The three ways to fill the landing tables of one attempt."""

    def everything(self) -> int:
        """Land the whole set and return the number of rows read."""

    def window(self, window: Window) -> int:
        """Land the rows whose cursor lies in a window and return how many."""

    def differences(self, guard: Guard, *, quick: bool = False) -> tuple[compare.Difference, str]:
        """Compare everything, ask `guard`, land only what the hub lacks or holds otherwise; also name the method.

        `quick` is content with sums when they prove that both sides are equal.
        """


def reading(attempt: Attempt, landing: Landing, source: Source) -> Reading:
    """Return how this source is read."""
    return _Rows(attempt, landing, source) if source.typed else _Records(landing, source)


class _Rows:
    """A typed source: rows pass as they are."""

    def __init__(self, attempt: Attempt, landing: Landing, source: Source) -> None:
        self._attempt, self._landing, self._source = attempt, landing, source

    def everything(self) -> int:
        """Copy the whole set in two streams over one snapshot."""
        with self._source.snapshot(parts=_STREAMS) as snapshot, ExitStack() as opened:
            hubs = [self._landing.hub]
            for _ in range(snapshot.parts - 1):
                hubs.append(self._attempt.deployment.hub(name="gateway land", autocommit=True))
                opened.callback(hubs[-1].close)
            reads = [_reader(snapshot, self._landing.dataset, raw.WHOLE, part) for part in range(snapshot.parts)]
            read = pipe_parts(reads, hubs, self._landing.copy_in(self._source.format))
            self._read_repairs(snapshot, raw.WHOLE)
        return read

    def window(self, window: Window) -> int:
        """Copy the rows of a window."""
        with self._source.snapshot() as snapshot:
            read = pipe_copy(_reader(snapshot, self._landing.dataset, window), *self._into())
            self._read_repairs(snapshot, window)
        return read

    def differences(self, guard: Guard, *, quick: bool = False) -> tuple[compare.Difference, str]:
        """Compare keys and hashes, and copy only the rows that differ, all from one snapshot."""
        with self._source.snapshot() as snapshot:
            hashing = demand_hashing(self._attempt, snapshot)
            if quick and (equal := compare.totals_agree(self._landing, hashing)):
                return equal, "totals"
            found = compare.stream(self._landing, hashing)
            guard(found)
            for keys in compare.slices(self._landing):
                pipe_copy(_key_reader(hashing, self._landing.dataset, keys), *self._into())
                self._read_repairs(snapshot, raw.WHOLE, keys)
        return found, "key hashes"

    def _read_repairs(self, snapshot: Snapshot, window: Window, keys: list[tuple[Any, ...]] | None = None) -> None:
        """Copy the originals of the values that the source's side of the projection repairs."""
        dataset = self._landing.dataset
        if isinstance(snapshot, Repairing) and any(f.repairs for f in dataset.fields):
            copy_in = self._landing.make_repairs()
            pipe_copy(lambda out: snapshot.copy_repairs(dataset, out, window, keys), self._landing.hub, copy_in)

    def _into(self) -> tuple[Any, sql.Composed]:
        return self._landing.hub, self._landing.copy_in(self._source.format)


class _Records:
    """An untyped source: records arrive as text."""

    def __init__(self, landing: Landing, source: Source) -> None:
        self._landing, self._source = landing, source

    def everything(self) -> int:
        """Land every record; one that came twice counts once."""
        with self._source.snapshot() as snapshot:
            read = _reader(snapshot, self._landing.dataset, raw.WHOLE)
            came = pipe(read, lambda stream: raw.land(self._landing, stream))
        return came - raw.drop_doubles(self._landing, came)

    def window(self, window: Window) -> int:
        """Land the records of a window; a record that came twice counts once."""
        self._copy(window)
        return raw.take(self._landing, window) - raw.drop_doubles(self._landing)

    def differences(self, guard: Guard, *, quick: bool = False) -> tuple[compare.Difference, str]:  # noqa: ARG002 - a copy is landed either way
        """Land a copy of the whole set, compare it, and keep of it only what differs.

        Such a source shows no view that stands still: a record may slip past one read, so that only what two reads miss is
        gone, from the hub or from quarantine.
        """
        self.everything()
        found = compare.landed(self._landing)
        if found.extra or compare.unseen(self._landing):
            self._copy(raw.WHOLE)
            raw.keep_new(self._landing)
            raw.take(self._landing)
            raw.drop_doubles(self._landing)
            found = compare.landed(self._landing)
        guard(found)
        compare.keep_differing(self._landing)
        return found, "landed copy"

    def _copy(self, window: Window) -> None:
        with self._source.snapshot() as snapshot:
            read = _reader(snapshot, self._landing.dataset, window)
            pipe_copy(read, self._landing.hub, raw.copy_in(self._landing))


def demand_hashing(attempt: Attempt, snapshot: Snapshot) -> Hashing:
    """Return the snapshot as one that hashes records as the hub does; SchemaMismatch when it does not."""
    if not isinstance(snapshot, Hashing) or not snapshot.hashes_like_hub(compare.hub_sample(attempt.hub)):
        raise SchemaMismatch(
            f"platform {attempt.route.peer.platform} does not hash records as the hub does",
            "Both sides must be PostgreSQL 16 or newer for an exact comparison in place.",
        )
    return snapshot


def _reader(snapshot: Snapshot, dataset: Dataset, window: Window, part: int = 0) -> Callable[[Any], int]:
    return lambda out: snapshot.copy(dataset, window, out, part)


def _key_reader(snapshot: Hashing, dataset: Dataset, keys: list[tuple[Any, ...]]) -> Callable[[Any], int]:
    return lambda out: snapshot.copy_keys(dataset, keys, out)
