"""A WFS that somebody else wrote is read: MapServer, where it is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from connectors.ogc import connect
from gateway.errors import SchemaMismatch
from gateway.model import Platform
from tests.integration.connectors.ogc_site import FIELDS, PLACE
from tests.integration.connectors.site import Reply, Seen, Site, copied

MAPSERV = shutil.which("mapserv")
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(MAPSERV is None, reason="mapserv is not installed (apt: cgi-mapserver)"),
]
MAP = """MAP
  NAME "places"
  EXTENT 115 40 120 43
  PROJECTION "init=epsg:4490" END
  WEB METADATA
    "wfs_title" "places" "wfs_onlineresource" "http://127.0.0.1/maps" "wfs_srs" "EPSG:4490" "wfs_enable_request" "*"
    "wfs_getfeature_formatlist" "gml32"
  END END
  LAYER
    NAME "place" TYPE {kind} STATUS ON
    CONNECTIONTYPE OGR CONNECTION "{file}"
    PROJECTION "init=epsg:4490" END
    METADATA
      "wfs_title" "place" "wfs_srs" "EPSG:4490" "gml_featureid" "id" "gml_include_items" "all" "wfs_enable_request" "*"
      "gml_geometries" "geom" "gml_geom_type" "{geometry}" "wfs_use_default_extent_for_getfeature" "false"
    END
  END
END
"""
RING = [[117.0, 40.0], [118.0, 40.0], [118.0, 41.0], [117.0, 40.0]]
HOLE = [[117.6, 40.2], [117.8, 40.2], [117.8, 40.4], [117.6, 40.2]]
KINDS: dict[str, tuple[str, str, Any]] = {
    "Point": ("POINT", "point", [117.94, 40.97]),
    "LineString": ("LINE", "line", RING[:2]),
    "Polygon": ("POLYGON", "polygon", [RING, HOLE]),
}


@pytest.fixture
def maps(site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    """Return a service whose answers MapServer makes; five features of one kind."""
    layer, geometry, coordinates = KINDS[request.param]
    features = [
        {"type": "Feature", "properties": {"id": f"f{n}", "name": f"承德𠂇{n}", "seen_on": "2026-11-24"},
         "geometry": {"type": request.param, "coordinates": coordinates}}
        for n in range(5)
    ]  # fmt: skip
    (tmp_path / "places.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (tmp_path / "places.map").write_text(MAP.format(kind=layer, geometry=geometry, file=tmp_path / "places.geojson"))
    site.script = lambda seen: _made(seen, tmp_path / "places.map")
    return site


def _made(seen: Seen, file: Path) -> Reply:
    query = seen.target.partition("?")[2]
    config = file.with_suffix(".conf")
    config.write_text(f'CONFIG ENV MS_MAP_PATTERN "^{file.parent}" END END')
    environment = {
        **os.environ,
        "MAPSERVER_CONFIG_FILE": str(config),
        "MS_MAPFILE": str(file),
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": query,
    }
    made = subprocess.run([str(MAPSERV)], env=environment, capture_output=True, timeout=30, check=True).stdout
    head, _, body = made.partition(b"\r\n\r\n")
    told = dict(line.split(": ", 1) for line in head.decode().splitlines())
    return Reply(body, int(told.get("Status", "200 OK").split()[0]))


def _platform(name: str = "ms:place", *, matched: bool = False) -> Platform:
    resource = {"kind": "wfs", "type": name, "fields": FIELDS | {"id": "id"}, "size": 2, "matched": matched}
    return Platform("maps", "", "ogc", "MAPS", "zrzyj", options={"resources": {PLACE.name: resource}})


@pytest.mark.parametrize("maps", KINDS, indirect=True)
def test_all_pages_of_a_mapserver_are_read(maps: Site, request: pytest.FixtureRequest) -> None:
    """Its schema explains every name, its pages give every feature, its latitude-first order is turned."""
    source = connect(_platform(), maps.dsn(base="/maps"))
    assert dict(source.describe(PLACE).columns) == {f.name: f.type for f in PLACE.fields}
    rows = copied(source, dataset=PLACE)
    source.close()
    assert [row[:3] for row in rows] == [[None, f"f{n}", f"承德𠂇{n}"] for n in range(5)]
    kind = request.node.callspec.params["maps"]
    found = json.loads(str(rows[0][3]))
    assert (found["type"], _exact(found["coordinates"])) == (kind, _exact(KINDS[kind][2]))
    assert {row[4] for row in rows} == {"EPSG:4490"}


def _exact(value: Any) -> Any:
    """Return positions with the digits that matter, and rings in one order: MapServer turns them round."""
    if isinstance(value[0], list):
        return sorted(map(_exact, value), key=str)
    return [round(float(number), 6) for number in value]


@pytest.mark.parametrize("maps", ["Point"], indirect=True)
def test_a_mapserver_that_does_not_count_is_told(maps: Site) -> None:
    """It does not when left alone, and nobody would notice a page that was cut short."""
    source = connect(_platform(matched=True), maps.dsn(base="/maps"))
    with pytest.raises(SchemaMismatch, match="does not tell how many") as raised:
        copied(source, dataset=PLACE)
    assert "matched: false" in raised.value.hint
    source.close()


@pytest.mark.parametrize("maps", ["Point"], indirect=True)
def test_a_type_that_mapserver_does_not_have_is_told(maps: Site) -> None:
    """Before a feature is read."""
    source = connect(_platform("ms:other"), maps.dsn(base="/maps"))
    with pytest.raises(SchemaMismatch, match="ms:other"):
        source.describe(PLACE)
    source.close()
