"""Coordinate reference systems: by which names servers call them, and which axis comes first.

A name in full (URI or URN) has the order that its authority says; of the short `EPSG:4490` each server thinks otherwise,
so it names nothing here.
"""

from __future__ import annotations

import re

KNOWN = ("EPSG:4490", "EPSG:4326", "OGC:CRS84")
_LATITUDE_FIRST = frozenset({"EPSG:4490", "EPSG:4326"})
_FORMS = (
    re.compile(r"urn:(?:x-)?ogc:def:crs:(EPSG|OGC):[^:]*:(\w+)", re.ASCII),
    re.compile(r"https?://www\.opengis\.net/def/crs/(EPSG|OGC)/[^/]+/(\w+)", re.ASCII),
)


def named(text: str) -> str | None:
    """Return the system that a URI or URN names, whatever version of the register it names beside."""
    for form in _FORMS:
        if found := form.fullmatch(text.strip()):
            return f"{found[1]}:{found[2]}"
    return None


def latitude_first(crs: str) -> bool:
    """Tell whether the authority's order is latitude, longitude."""
    return crs in _LATITUDE_FIRST


def uri(crs: str) -> str:
    """Return the name that OGC API Features uses."""
    authority, code = crs.split(":")
    return f"http://www.opengis.net/def/crs/{authority}/{'1.3' if authority == 'OGC' else '0'}/{code}"


def urn(crs: str) -> str:
    """Return the name that WFS uses."""
    authority, code = crs.split(":")
    return f"urn:ogc:def:crs:{authority}:{'1.3' if authority == 'OGC' else ''}:{code}"
