"""What a unit's programs are told and what they answer, as the interface's own description words it.

This file must not postpone its annotations.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Impact = Literal["none", "info", "warn", "breaking"]
Answer = Literal["no_impact", "adapted", "needs_time", "objects"]


class ChangeItem(BaseModel):
    """One difference, and what it does to this unit."""

    path: str = Field(description="Where: schema.table.column, or a pointer into the document.")
    kind: str
    rule: str = Field(description="The rule that judged it; see the pages of structure changes.")
    before: Any = Field(description="What stood there; null where nothing did.")
    after: Any
    effect: Impact
    used: bool = Field(description="Whether this unit is known to use what changes.")


class Head(BaseModel):
    """A notice in the list: the revision in force, and whether this unit has answered it."""

    model_config = ConfigDict(populate_by_name=True)

    notice: int = Field(description="Its id in addresses of this interface; never used anew.")
    number: str = Field(description="As it stands on paper: 〔2026〕第1号.")
    revision: int
    state: str = Field(description="announced, effective, closed, withdrawn; others may come.")
    platform: str
    dataset: str
    class_: str = Field(alias="class", description="major, normal, compatible or emergency.")
    effective_on: date
    transition_until: date | None = Field(description="The last day of the old shape.")
    announced_at: datetime | None
    answers_due: date | None = Field(description="null: reading is enough.")
    impact: Impact = Field(description="What it does to this unit; breaking: it has to adapt and to answer.")
    answer: Answer | None
    answered_at: datetime | None


class Whole(Head):
    """A notice whole, as this unit was told it."""

    publisher: str
    reason: str
    measures: str | None
    fallback: str | None
    contact: str | None
    emergency: str | None = Field(description="The basis of an emergency.")
    remark: str | None = Field(description="What the newest revision says of itself.")
    changes: list[ChangeItem]
    answer_until: date | None
    answered_by: str | None
    answered_title: str | None
    answer_remark: str | None


class Page(BaseModel):
    """What was told after a cursor, oldest first."""

    items: list[Head]
    cursor: str = Field(description="Give it as `since` to be told what comes after.")
    more: bool = Field(description="Whether there is more already; ask again at once.")


class Reply(BaseModel):
    """What a unit answers."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(description="The revision that is answered.", ge=1, le=2**31 - 1)
    answer: Answer
    by: str = Field(description="Who answers for the unit.", min_length=1, max_length=60)
    title: str = Field(description="That person's title.", min_length=1, max_length=60)
    until: date | None = Field(default=None, description="Demanded by needs_time.")
    remark: str = Field(default="", description="Demanded by objects.", max_length=1000)


class Counted(BaseModel):
    """Occurrences of a period by verdict, and the clock that was late."""

    expected: int
    on_time: int
    late: int
    exempt: int
    unmeasured: int
    open: int = Field(description="Not due yet.")
    late_source: int
    late_hub: int = Field(description="The gateway's own fault.")
    late_target: int
    rate_bp: int | None = Field(description="On time of what was judged, in basis points; null when nothing was.")
    coverage_bp: int | None = Field(description="Observed of what was expected, in basis points.")


class RouteFigures(Counted):
    """One route by which the unit is judged."""

    route: str
    dataset: str
    kind: str = Field(description="scheduled or real_time; others may come.")
    target_bp: int
    allowed: int = Field(description="How many may be late.")
    left: int = Field(description="How many more may be late; below zero the target is missed.")


class Miss(BaseModel):
    """An occurrence that was late, exempt or unmeasured, with its clocks."""

    route: str
    slot: datetime
    due: datetime
    seen_at: datetime | None = Field(description="When the data were seen at their source.")
    handed_at: datetime | None
    confirmed_at: datetime | None
    verdict: str
    blame: str | None = Field(description="source, hub or target of a late one.")
    docket: str | None


class Figures(BaseModel):
    """A unit's own figures of a period, as they stand now; the circular says what was frozen."""

    period: str
    as_of: datetime
    routes: list[RouteFigures]
    misses: list[Miss]
    more: bool = Field(description="Whether there are more misses than are listed.")


class Rejected(BaseModel):
    """A row of the unit that a rule rejected; personal values are masked."""

    row: int
    dataset: str
    route: str
    rule: str
    reason: str = Field(description="Chinese.")
    reason_en: str
    state: str = Field(description="open, or waiting for what it refers to.")
    entered_at: datetime
    masked: dict[str, Any]


class RejectedPage(BaseModel):
    """Rejected rows that nobody decided on, newest first."""

    items: list[Rejected]
    below: int | None = Field(description="Give it as `below` to have older ones; null when there are none.")


class Alive(BaseModel):
    """That the process answers."""

    status: Literal["ok"] = "ok"


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str | None = Field(default=None, description="The gateway's error code.")
    hint: str | None = Field(default=None, description="What to do.")
