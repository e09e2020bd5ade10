"""What a city declares, as frozen values: platforms, units, routes and the contracts of its data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warn", "repair"]
Mode = Literal["snapshot", "incremental", "delivery"]
HUB = "hub"
DAY = 1440  # minutes


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a contract: a check of the closed vocabulary with its arguments.

    `needs` names a data set without which the rule sleeps; `chinese` and `english` are the reason shown to people.
    """

    id: str
    check: str
    args: Mapping[str, Any]
    severity: Severity = "error"
    chinese: str = ""
    english: str = ""
    needs: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a contract; `type` is the PostgreSQL type as the source holds it.

    `zone` is the time zone in which a timestamp without zone is read; the hub then stores timestamptz.
    `limits` holds minLength, maxLength, minimum, maximum, pattern as declared.
    """

    name: str
    type: str
    chinese: str = ""
    required: bool = False
    classification: str = ""
    zone: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    values: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()

    @property
    def hub_type(self) -> str:
        """Return the column's type in the hub.

        Strings are text there: their length is a rule of the contract, so that an over-long value can be landed,
        judged and quarantined instead of breaking the stream.
        """
        if self.type.startswith(("varchar", "char")):
            return "text"
        if self.zone:
            return self.type.replace("timestamp", "timestamptz")
        return self.type

    @property
    def personal(self) -> bool:
        """Tell whether the value must be masked wherever people see it (L3 personal, L4 sensitive)."""
        return self.classification in {"L3", "L4"}


@dataclass(frozen=True, slots=True)
class DeleteLimit:
    """Deletes above max(count, ratio_bp basis points of the target) wait for a person."""

    count: int = 100
    ratio_bp: int = 50

    def allows(self, deletes: int, target_rows: int) -> bool:
        """Tell whether that many deletes may be applied without a person's decision."""
        return deletes <= max(self.count, target_rows * self.ratio_bp // 10_000)


@dataclass(frozen=True, slots=True)
class Dataset:
    """One contract: the projection (fields in order), key, cursor and rules of a data set."""

    name: str
    chinese: str
    version: str
    table: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    rules: tuple[Rule, ...]
    owner: str
    cursor: str | None = None
    lag_seconds: int = 300
    ignored: tuple[str, ...] = ()
    delete_limit: DeleteLimit = DeleteLimit()
    starts_empty: bool = False  # an empty first read is then no reason to wait for a person
    path: Path | None = None

    @property
    def hub_name(self) -> str:
        """Return the data set's name as an identifier: `pop.person` is `pop_person`."""
        return self.name.replace(".", "_")

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the projection's column names in order."""
        return tuple(f.name for f in self.fields)

    def field(self, name: str) -> Field:
        """Return the field of that name; KeyError when there is none."""
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class Unit:
    """A partner unit."""

    unit: str
    name: str
    english: str = ""


@dataclass(frozen=True, slots=True)
class Hours:
    """When runs of a platform may start, from `begins` to `ends` in minutes of a day in China.

    An end beyond 1440 lies on the next day. `days` are those on which it begins.
    """

    begins: int
    ends: int
    days: Literal["all", "workdays", "restdays"] = "all"

    def __str__(self) -> str:
        """Return the hours as people write them."""
        begins, ends = (
            f"{m // 60:02}:{m % 60:02}" for m in (self.begins, self.ends if self.ends <= DAY else self.ends - DAY)
        )
        return f"{begins}-{ends}" + ("" if self.days == "all" else f" {self.days}")


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a platform may be asked, all processes together; None where nothing is limited."""

    requests_per_minute: int | None = None
    rows_per_second: int | None = None

    def __str__(self) -> str:
        """Return the rate in words."""
        said = ((self.requests_per_minute, "requests a minute"), (self.rows_per_second, "rows a second"))
        return ", ".join(f"{number} {unit}" for number, unit in said if number)


@dataclass(frozen=True, slots=True)
class Platform:
    """An external system and how to reach it; `connection` names a secret kept elsewhere.

    `clearance` is the highest class of a field (L1 to L4) that may be delivered to it; empty: nothing may. `kin` are the
    platforms of the same system, itself among them: what one of them brought is delivered to none of them.
    """

    platform: str
    name: str
    connector: str
    connection: str
    unit: str
    english: str = ""
    description: str = ""
    slots: int = 2
    clearance: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    window: Hours | None = None
    rate: Rate = Rate()
    part_of: str = ""
    kin: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlaTerm:
    """What a route promises: minutes of freshness and the on-time rate in basis points.

    `source_minutes` of what a cron line leaves belong to the source; `days` are those on which something is due.
    """

    term: str
    name: str
    freshness_minutes: int
    on_time_bp: int
    source_minutes: int = 0
    days: Literal["all", "workdays"] = "all"


@dataclass(frozen=True, slots=True)
class Settle:
    """How long a target may take to refuse what it was sent: working days, counted from the day after, or seconds."""

    workdays: int | None = None
    seconds: int | None = None

    def __str__(self) -> str:
        """Return the time in words."""
        return f"{self.workdays} working days" if self.workdays else f"{self.seconds} seconds"


@dataclass(frozen=True, slots=True)
class Route:
    """A data set carried between a platform, its peer, and the hub: out of the hub in mode delivery, else into it.

    `compare` is the cron line by which an incremental route compares everything instead of reading a window: that is
    how deletes and edits without a new stamp arrive. `preflight` holds the target's own rules, by which a delivery stops
    rows before they leave; the fields of `mask` leave masked and those of `withhold` empty. Of a delivery with `belongs_to`
    only the rows leave that belong to a row of that data set which the target itself brought; with `addressed` only those that
    name it, or a platform of its system, in that field. What was delivered and not
    refused within `settle` is presumed accepted.
    """

    route: str
    dataset: Dataset
    peer: Platform
    mode: Mode
    schedule: str
    sla: SlaTerm
    delete_limit: DeleteLimit = DeleteLimit()
    description: str = ""
    compare: str | None = None
    preflight: tuple[Rule, ...] = ()
    mask: tuple[str, ...] = ()
    withhold: tuple[str, ...] = ()
    belongs_to: Dataset | None = None
    addressed: str = ""
    settle: Settle | None = None

    @property
    def outbound(self) -> bool:
        """Tell whether the route leads out of the hub."""
        return self.mode == "delivery"

    @property
    def direction(self) -> str:
        """Return `inbound` or `outbound`, as seen from the hub."""
        return "outbound" if self.outbound else "inbound"

    @property
    def origin(self) -> str:
        """Return the name of what the rows come from: the peer, or the hub."""
        return HUB if self.outbound else self.peer.platform

    @property
    def target(self) -> str:
        """Return the name of what the rows go to: the hub, or the peer."""
        return self.peer.platform if self.outbound else HUB

    @property
    def after(self) -> str | None:
        """Return the data set whose arrival in the hub starts this route, if that is its schedule."""
        return self.schedule[6:].strip() if self.schedule.startswith("after:") else None


@dataclass(frozen=True, slots=True)
class RegisteredUse:
    """What a unit reads by itself, beside all routes, at a platform or in the hub.

    It is told by one of a statement, a view and columns; `account` is what the unit logs in with there, by which its statements
    are known where a server counts them.
    """

    use: str
    unit: str
    at: str
    datasets: tuple[str, ...]
    purpose: str
    sql: str = ""
    view: str = ""
    columns: tuple[str, ...] = ()
    account: str = ""


@dataclass(frozen=True, slots=True)
class Moments:
    """Where moments of a deadline stand: a data set, the field that joins it to the others, and the field of the moment.

    Of the beginning `unit` is the field of who answers and `due`, if any, that of the promised day; of a pause `until` ends it.
    """

    dataset: str
    key: str
    at: str
    unit: str = ""
    due: str = ""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time limit of the regulation on what passes the hub: from a beginning to an end, in working days less pauses.

    The promised day stands in the beginning's field `due`, or is the `workdays`-th working day after it.
    """

    deadline: str
    name: str
    basis: str
    begins: Moments
    ends: Moments
    pauses: Moments | None = None
    workdays: int = 0


@dataclass(frozen=True, slots=True)
class Catalog:
    """Everything one city declares.

    `broken` maps a route that could not be loaded to the reason; `unused` holds what is wrong with contracts of no route.
    """

    city: str
    english: str
    division: str
    root: Path
    units: Mapping[str, Unit]
    platforms: Mapping[str, Platform]
    datasets: Mapping[str, Dataset]
    routes: Mapping[str, Route]
    terms: Mapping[str, SlaTerm]
    code_files: tuple[Path, ...] = ()
    calendar_files: tuple[Path, ...] = ()
    uses: Mapping[str, RegisteredUse] = field(default_factory=dict)
    deadlines: Mapping[str, Deadline] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    bureau: str = ""  # the unit that oversees
