"""What the engine asks of a connector.

Source to read, Target to write; of a typed source also Hashing (exact comparison in place) and Repairing (originals of
repaired values), of an untyped one Receipting (receipts written back), of a target also Returning (rows it refused later),
Counting (what it holds of a batch) and Collected (what was not fetched from it yet). Either may be Catalogued or Telling (more
of its structure than names and types), and Marking (it has a sign of that which costs little).
No connector limits, logs or rehearses anything, and none repeats more than single pages, of one read or, where a page bears
what makes that harmless, of one batch: `gateway.registry` and the run itself do that. Every method may raise the retryable
PlatformUnavailable, PlatformResting or SourceChanged and the permanent AccessDenied or SchemaMismatch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Literal, Protocol, runtime_checkable

from psycopg2.extensions import connection as Connection

from gateway.model import Dataset

UNDECODABLE = "\x01"
Read = Callable[[BinaryIO], int]


@dataclass(frozen=True, slots=True)
class Probe:
    """What a source says of itself before a read.

    `at` is the hub-side time of the probe, `now` the source's clock, `upper` the newest cursor value that is
    certain to be complete, `identity` changes when the source was restored or replaced.
    """

    at: datetime
    now: datetime
    upper: datetime
    identity: str

    @property
    def skew_ms(self) -> int:
        """Return how far the source's clock is ahead, in milliseconds."""
        return round((self.now - self.at).total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Shape:
    """A data set as the source has it now: column names and types in order.

    `checked_text` is false when the source does not know its own encoding; a text whose bytes are not UTF-8 then
    arrives as UNDECODABLE followed by its bytes in hex, and the row is quarantined.
    """

    columns: Mapping[str, str]
    checked_text: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """Rows whose cursor lies in (after, upto]; no bounds: the whole set."""

    after: datetime | None = None
    upto: datetime | None = None


class Snapshot(Protocol):
    """One view of a source, closed by its context manager. Every copy of a typed source's view sees the same rows."""

    parts: int

    def copy(self, dataset: Dataset, window: Window, out: BinaryIO, part: int = 0) -> int:
        """Write the projection's rows to `out` as a COPY stream in the source's format and return their number.

        With `parts` > 1 the parts are disjoint and together the whole; only an unbounded window has parts.
        """
        ...


class Source(Protocol):
    """A platform that can be read. `format` is the COPY format of its streams.

    A typed source sends the contract's types. An untyped one sends lines of `gateway.records`: text whose type the hub
    judges. It shows no view that stands still, and what is compared is a landed copy of the whole set.
    """

    format: Literal["binary", "text"]
    typed: bool

    def probe(self, dataset: Dataset) -> Probe:
        """Return clock, completeness bound and identity; may be called any time."""
        ...

    def describe(self, dataset: Dataset) -> Shape:
        """Return the shape of the data set as it is now."""
        ...

    def snapshot(self, parts: int = 1) -> AbstractContextManager[Snapshot]:
        """Open one consistent view; a source that cannot split gives fewer parts than asked for."""
        ...

    def close(self) -> None:
        """Release what is held; may be called twice."""
        ...


@runtime_checkable
class Hashing(Protocol):
    """A snapshot of a source that computes record hashes of the projection itself, and finds rows by key."""

    def hashes_like_hub(self, expected: int) -> bool:
        """Tell whether the source's hash of the fixed test record equals the hub's."""
        ...

    def copy_hashes(self, dataset: Dataset, out: BinaryIO) -> int:
        """Write (key columns, record hash) of every row as a COPY stream and return their number."""
        ...

    def totals(self, dataset: Dataset) -> tuple[int, int]:
        """Return the number of rows and the sum of their record hashes."""
        ...

    def copy_keys(self, dataset: Dataset, keys: Sequence[tuple[Any, ...]], out: BinaryIO) -> int:
        """Write the rows of these keys (at most 10,000) and return their number; a missing key is no error."""
        ...


@runtime_checkable
class Repairing(Protocol):
    """A snapshot of a source that repairs values itself and can tell what they were before."""

    def copy_repairs(
        self, dataset: Dataset, out: BinaryIO, window: Window, keys: Sequence[tuple[Any, ...]] | None = None
    ) -> int:
        """Write (key columns, field name, original) for every value of the window, or of the keys, that a repair changed."""
        ...


@dataclass(frozen=True, slots=True)
class Brought:
    """A delivery that a source has read: its lasting name, and a moment that no cursor in it lies after."""

    name: str
    upto: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a delivery that a platform brought: the batch that decided it, and that batch's receipt.

    `rules` counts the rejected records by rule, `rejects` holds number and rule of the first of them: 1 is its first record.
    """

    batch: int
    receipt: int
    hash: str
    at: datetime
    rules: Mapping[str, int]
    rejects: Sequence[tuple[int, str]]


@runtime_checkable
class Receipting(Protocol):
    """An untyped source whose platform gets a receipt for each of its deliveries, once the hub has decided it."""

    def brought(self, dataset: Dataset) -> Sequence[Brought]:
        """Return the deliveries that the last read took; none where the platform wants no receipts."""
        ...

    def holds(self, dataset: Dataset, name: str) -> bool:
        """Tell whether a delivery was still there at the last read."""
        ...

    def records(self, dataset: Dataset, name: str, out: BinaryIO) -> int:
        """Write a line for each record of one delivery in its order and return their number; SourceChanged when it is gone."""
        ...

    def tell(self, dataset: Dataset, name: str, decided: Decided) -> None:
        """Write the receipt; the same one twice is one."""
        ...


class Memory(Protocol):
    """A small note that a target leaves for its next batch of the same route, JSON that the hub keeps."""

    def recall(self) -> Mapping[str, Any]:
        """Return the newest note; an empty one when there is none."""
        ...

    def keep(self, note: Mapping[str, Any]) -> None:
        """Keep a note in place of the one before, at once and whatever becomes of the batch."""
        ...


class Forgetful:
    """A memory of this process alone."""

    def __init__(self) -> None:
        """Know nothing."""
        self._note: Mapping[str, Any] = {}

    def recall(self) -> Mapping[str, Any]:
        """Return the newest note."""
        return self._note

    def keep(self, note: Mapping[str, Any]) -> None:
        """Keep a note."""
        self._note = dict(note)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One batch on its way out, with two reads that write COPY streams in the target's format.

    `hub` is the sender's lasting name: numbers are unique to it. `left` is the second in which the batch was first sent: no
    two batches of a route share one, and a number always comes with the same.

    `rows` writes the projection of what is new or changed in the hub's types, `gone` the keys of what is to be deleted; no
    key is in both. Each returns how many it wrote. `stored` writes the rows with each moment as the wall clock of its field's
    zone, which is how a table without zones holds it. In `memory` the target may note what only it can know again.
    """

    hub: str
    number: int
    left: datetime
    rows: Read
    gone: Read
    memory: Memory = field(default_factory=Forgetful, repr=False)
    stored: Read | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row that a target refused, in its own words.

    `id` is the verdict's own and lasting: the same one twice counts once. `key` holds the key fields' values as text.
    `number`, or the whole second in which it `left`, names the batch in which the row was sent, where the target says it.
    `error` is the target's code, `words` what it wrote beside it, `at` when it judged, by its clock.
    """

    id: str
    key: Mapping[str, str | None]
    number: int | None
    error: str
    words: str
    at: datetime
    left: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a target confirmed of one batch; `repeated`: it had taken the batch before and did nothing now.

    `refused` are the rows it refused at once while it took the others.
    """

    number: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    repeated: bool = False
    refused: tuple[Verdict, ...] = ()


class Target(Protocol):
    """A platform that can be written to. `format` is the COPY format it reads."""

    format: Literal["binary", "text"]

    def describe(self, dataset: Dataset) -> Shape | None:
        """Return the shape of the place that rows are written to; None when the platform cannot be asked."""
        ...

    def write(self, dataset: Dataset, batch: Outgoing) -> Delivery:
        """Write rows and delete keys as one unit; the same batch number twice counts once.

        Where a platform takes pages only, a batch of one page is the unit, and each page of a larger one counts once.
        """
        ...

    def close(self) -> None:
        """Release what is held; may be called twice."""
        ...


class Turns(Protocol):
    """The turns of a platform's requests, which all processes share."""

    def turn(self) -> float:
        """Wait for the turn of one request; return the seconds waited."""
        ...

    def close(self) -> None:
        """Release what is held; may be called twice."""
        ...


@runtime_checkable
class Requesting(Protocol):
    """A source or target that makes requests, and can have each wait for its turn."""

    def take(self, turns: Turns) -> None:
        """Take a turn before each request from now on, and close the turns when closed."""
        ...


@runtime_checkable
class Returning(Protocol):
    """A target that judges rows after it has taken them. Its module's `returns(platform)` tells so without a connection."""

    def verdicts(self, dataset: Dataset, since: datetime | None) -> Iterator[Verdict]:
        """Yield what it refused since a moment of its own clock, or ever; an earlier verdict may come again."""
        ...


@dataclass(frozen=True, slots=True)
class Unread:
    """Rows that lie at a target and were not fetched from it, counted no further than the limit from which on it gets no more."""

    rows: int
    limit: int


@runtime_checkable
class Collected(Protocol):
    """A target that is itself only a place from which the other side fetches."""

    def unread(self, dataset: Dataset) -> Unread | None:
        """Return what the other side has yet to fetch of a data set; None when that is not limited."""
        ...


@runtime_checkable
class Counting(Protocol):
    """A target that can tell how much it holds of a batch that it took."""

    def count(self, dataset: Dataset, hub: str, number: int, left: datetime) -> int | None:
        """Return the rows and deletions it holds of a batch; None when it has put them away already."""
        ...


@runtime_checkable
class Catalogued(Protocol):
    """A source or target that is a PostgreSQL database, whose catalogue tells more of a relation than its columns."""

    def catalogue(self, dataset: Dataset) -> AbstractContextManager[tuple[Connection, str]]:
        """Yield a session that commits by itself, and the quoted name of the relation that holds the data set."""
        ...

    def stamp(self, dataset: Dataset) -> str:
        """Return what is another one after each change of the relation's columns, even one that was taken back."""
        ...


@dataclass(frozen=True, slots=True)
class Description:
    """What a platform says of its structure, word for word: documents by name, and what is declared of them.

    `kind` is how it says it: `openapi`, `records` (it says nothing, these are some of its records), `wsdl`, `features`, `wfs`
    or `file`. `key` names what it is about where a platform tells of several things apart.
    """

    kind: str
    documents: Mapping[str, Any] = field(repr=False)
    facts: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


@runtime_checkable
class Telling(Protocol):
    """A source or target that is no database and can be asked for its structure."""

    def told(self, dataset: Dataset) -> Description | None:
        """Return what it says of a data set's structure; None when it cannot be asked."""
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """A sign of what a platform says of a data set's structure: `text` is another one once something else may be said.

    `memo` is for the next question, which it makes cheap. `of` is the relation, of a database. Where one description tells
    of much, `at` are its places that the data set passes (a path, an operation), `within` what holds a record there and
    `names` what is taken of one; without them all of it counts. `mapped` is another one once the catalog's copy of it is.
    """

    text: str
    memo: str = ""
    of: str = ""
    at: frozenset[str] = frozenset()
    within: str = ""
    names: frozenset[str] = frozenset()
    mapped: str = ""


@runtime_checkable
class Marking(Protocol):
    """A source or target that is no PostgreSQL database, and tells for little whether its structure is as it was."""

    def mark(self, dataset: Dataset, memo: str) -> Mark | None:
        """Return the sign, asked for once and never again at once; None when the platform describes nothing.

        `memo` is that of the mark before, empty when there was none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Drift:
    """What is different of a relation, or of what a platform tells, from what a route last ran with.

    `harmful` are the changes that a contract cannot answer for; `notice` is the number of the notice that announced just
    this. `document` is the structure as it is now, `told` the name of what tells of it where that is no relation, and
    `mapped` another one once contract or catalog say something else of it.
    """

    relation: str
    identity: str
    shape: str
    changes: Sequence[Mapping[str, Any]]
    harmful: Sequence[Mapping[str, Any]]
    notice: str | None
    document: Mapping[str, Any] = field(repr=False)
    mapped: str = ""
    told: str = ""

    @property
    def first(self) -> bool:
        """Tell whether the route never ran before, so that there is nothing to compare with."""
        return not self.relation
