"""Checks of JSON documents: of their members, and of geometries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from gateway.exchange import geometry, members
from gateway.exchange.check import Args, Check, Record, column, literals


def _geometry(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not geometry.is_of(value, args["types"])


def _rings(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not geometry.rings_closed(value)


def _positions(record: Record, args: Args, _: date) -> bool:
    value = record.get(args["field"])
    return value is not None and not geometry.within(value, args["lon"], args["lat"])


CHECKS: Mapping[str, Check] = {
    "members": Check(
        lambda _, a, __: members.are_sql(column(a["field"]), a["members"]),
        lambda r, a, _: r.get(a["field"]) is not None and not members.are(r[a["field"]], a["members"]),
        ("field", "members"),
    ),
    "impersonal": Check(
        lambda _, a, __: members.personal_sql(column(a["field"]), a["members"]),
        lambda r, a, _: members.personal(r.get(a["field"]), a["members"]),
        ("field", "members"),
    ),
    "geometry": Check(
        lambda _, a, __: geometry.is_of_sql(column(a["field"]), literals(a["types"])), _geometry, ("field", "types")
    ),
    "rings_closed": Check(lambda _, a, __: geometry.rings_closed_sql(column(a["field"])), _rings, ("field",)),
    "positions": Check(
        lambda _, a, __: geometry.within_sql(column(a["field"]), a["lon"], a["lat"]),
        _positions,
        ("field", "lon", "lat"),
    ),
}
