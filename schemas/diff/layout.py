"""Compare two layouts of files, for readers that take columns by name or by position, as the layout says."""

from __future__ import annotations

from codecs import lookup
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.diff.model import UNDECIDED, Change, Effect, Policy
from schemas.snapshot import frame
from schemas.snapshot.layout import by_position, columns

NONE, INFO, WARN, BREAKING = Effect.none, Effect.info, Effect.warn, Effect.breaking
# What each fact of a whole file does to readers and to writers when it changes.
_FACTS: dict[str, tuple[str, Effect]] = {
    "form": ("file.form", BREAKING),
    "encoding": ("file.encoding", BREAKING),
    "bom": ("file.bom", BREAKING),
    "delimiter": ("file.delimiter", BREAKING),
    "quote": ("file.quote", BREAKING),
    "line_end": ("file.line_end", BREAKING),
    "compression": ("file.compression", BREAKING),
    "check_file": ("file.check_file", BREAKING),
    "date_format": ("file.date_format", BREAKING),
    "number_format": ("file.number_format", BREAKING),
    "name": ("file.name", WARN),
    "split_mb": ("file.split", WARN),
    "cut_off": ("file.cut_off", WARN),
}
_CHAINS = (("ascii", "gb2312", "gbk", "gb18030"), ("ascii", "utf-8"))  # each reads what those before it wrote
# What says nothing of how a file is written, or is judged on its own.
_ASIDE = {
    "format",
    "kind",
    "title",
    "description",
    "source",
    "edition",
    "read_by",
    "header",
    "header_checked",
    "columns",
}
_COLUMN = ("type", "format", "width")
_WORDS = {"name", "title", "description", "label", "comment"}
Columns = dict[str, dict[str, Any]]


def diff(old: Any, new: Any, policy: Policy) -> Iterable[Change]:
    """Return what differs between two snapshots of layouts; BadDocument when one of them is none."""
    before, after = frame.checked(old, "file", "old"), frame.checked(new, "file", "new")
    left, right = columns(before, "old"), columns(after, "new")
    placed = by_position(before), by_position(after)
    yield from _whole(before, after)
    yield from _unknown("", before, after, {*_FACTS, *_ASIDE})
    if placed[0] != placed[1]:
        ways = ["position" if one else "name" for one in placed]
        yield Change("reading_changed", "", ways[0], ways[1], BREAKING, BREAKING, "file.read_by")
    yield from _header(before, after)
    yield from _columns(left, right, _Reading.of(before, after, placed=placed[0]), suspect=policy.renames == "suspect")
    for name in left:
        if name in right:
            yield from _column(name, left[name], right[name])


def _whole(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for fact, (rule, writer) in _FACTS.items():
        before, after = old.get(fact), new.get(fact)
        if fact == "encoding" and isinstance(before, str) and isinstance(after, str):
            before, after = _encoding(before), _encoding(after)
            if chain := next((c for c in _CHAINS if before != after and before in c and after in c), ()):
                yield _contained(chain, before, after)
                continue
        if before != after and (fact in old) != (fact in new) and fact not in ("compression", "check_file", "split_mb"):
            yield Change(
                f"{fact}_changed", "", before, after, WARN, WARN, f"{rule}{UNDECIDED}"
            )  # one side does not say
        elif before != after:
            yield Change(f"{fact}_changed", "", before, after, BREAKING, writer, rule)


def _encoding(name: str) -> str:
    """Return an encoding's one name; who invents one keeps it."""
    try:
        return lookup(name).name
    except (LookupError, ValueError):  # of none, or of no text that could be one
        return name.lower()


def _unknown(path: str, old: Mapping[str, Any], new: Mapping[str, Any], known: Collection[str]) -> Iterator[Change]:
    """Yield what a layout says besides: nobody knows what its change does, so it is not passed over."""
    for fact in sorted({*old, *new} - set(known)):
        if old.get(fact) != new.get(fact):
            yield Change(f"{fact}_changed", path, old.get(fact), new.get(fact), WARN, WARN, f"file.fact{UNDECIDED}")


def _contained(chain: tuple[str, ...], before: str, after: str) -> Change:
    """Judge a change between encodings of which each contains those before it."""
    wider = chain.index(after) > chain.index(before)
    reader, writer = (BREAKING, NONE) if wider else (NONE, BREAKING)
    return Change("encoding_changed", "", before, after, reader, writer, "file.encoding")


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a column more, elsewhere or of another name does, by how old files are read and new ones will be."""

    placed: bool
    more: Effect
    moved: Effect
    named: Effect
    writer: Effect

    @classmethod
    def of(cls, old: Mapping[str, Any], new: Mapping[str, Any], *, placed: bool) -> _Reading:
        """Return it; a reader that compares the header compares `names` alone, or the whole line with their order."""
        checks, will_check = old.get("header_checked"), new.get("header_checked")
        return cls(
            placed, more=BREAKING if checks else INFO, moved=BREAKING if placed or (checks and checks != "names") else INFO,
            named=BREAKING if checks or not placed else WARN,
            writer=BREAKING if placed or checks or will_check else NONE,
        )  # fmt: skip

    def added(self, *, appended: bool) -> Effect:
        """Return what a column more does to a reader."""
        return max(self.more, (WARN if appended else BREAKING) if self.placed else INFO)


def _header(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Yield a first line that begins or ceases to name the columns: it is read as a row, or a row is taken for it."""
    before, after = (one.get("header", True) is not False for one in (old, new))
    if before != after:
        yield Change("header_changed", "", before, after, BREAKING, BREAKING, "file.header")


def _columns(left: Columns, right: Columns, reading: _Reading, *, suspect: bool) -> Iterator[Change]:
    heirs = _renamed(left, right) if suspect else {}
    order = list(right)
    last = max((order.index(name) for name in left if name in right), default=-1)
    last = max([last, *(order.index(heir) for heir in heirs.values())])
    for name in left:
        if name in heirs:
            told = name, heirs[name]
            yield Change("column_renamed", f"columns/{name}", *told, reading.named, BREAKING, "file.column.rename")
        elif name not in right:
            yield Change("column_removed", f"columns/{name}", name, None, BREAKING, BREAKING, "file.column.remove")
    for at, name in enumerate(order):
        if name not in left and name not in heirs.values():
            reader, rule = reading.added(appended=at > last), "append" if at > last else "insert"
            where, rule = f"columns/{name}", f"file.column.{rule}"
            yield Change("column_added", where, None, name, reader, reading.writer, rule)
    shared, now = [name for name in left if name in right], [name for name in order if name in left]
    if shared != now:
        yield Change("columns_moved", "columns", shared, now, reading.moved, reading.writer, "file.column.move")


def _renamed(left: Columns, right: Columns) -> dict[str, str]:
    """Return columns whose place and facts another name took over: suspected to be renamed, each is a loss to who asks by name."""
    if len(left) != len(right):
        return {}
    pairs = zip(left.items(), right.items(), strict=True)
    return {
        old: new for (old, facts), (new, other) in pairs
        if old not in right and new not in left and _facts(facts) == _facts(other)
    }  # fmt: skip


def _facts(column: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in column.items() if key != "name"}


def _column(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    path = f"columns/{name}"
    yield from _unknown(path, old, new, {*_COLUMN, *_WORDS})
    for fact in _COLUMN:
        if old.get(fact) != new.get(fact):
            yield Change(
                f"{fact}_changed", path, old.get(fact), new.get(fact), BREAKING, BREAKING, f"file.column.{fact}"
            )
