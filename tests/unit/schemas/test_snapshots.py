"""Code lists, file layouts and map services: what differs between two snapshots, and what a snapshot is made of."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.diff.compare import compare
from schemas.diff.model import BadDocument, Policy
from schemas.snapshot import codelist, layout, ogc


def judged(kind: str, old: Any, new: Any, **policy: Any) -> tuple[str, str, list[str]]:
    """Return both levels and the rules of a comparison."""
    found = [compare(kind, old, new, role, Policy(**policy)) for role in ("reader", "writer")]
    return found[0].level.name, found[1].level.name, [change.rule for change in found[0].changes]


def codes(*rows: dict[str, Any]) -> Any:
    """Return the snapshot of a code list."""
    return codelist.snapshot(rows, source="民政部", edition="2017-05")


OLD = {"code": "130823", "name": "平泉县", "parent": "130800", "valid_from": "1959-01-01"}
NEW = {"code": "130881", "name": "平泉市", "parent": "130800", "valid_from": "2017-04-30"}


@pytest.mark.parametrize(
    ("old", "new", "expected", "policy"),
    [
        ([OLD], [OLD, NEW], ("warn", "none", ["codelist.code.add"]), {}),  # a code more
        ([OLD], [OLD, NEW], ("breaking", "none", ["codelist.code.add"]), {"enum": "closed"}),
        ([OLD, NEW], [OLD], ("none", "breaking", ["codelist.code.remove"]), {}),  # gone
        ([OLD], [OLD | {"valid_to": "2017-04-30"}], ("none", "breaking", ["codelist.code.retire"]), {}),
        ([OLD | {"valid_to": "2017-04-30"}], [OLD], ("warn", "none", ["codelist.code.prolong"]), {}),
        (
            [OLD],
            [OLD | {"replaced_by": "130881"}],
            ("breaking", "breaking", ["codelist.code.replace"]),
            {},
        ),  # its heir is not there
        ([OLD, NEW], [OLD | {"replaced_by": "130881"}, NEW], ("warn", "warn", ["codelist.code.replace"]), {}),
        ([OLD | {"replaced_by": "130881"}, NEW], [NEW], ("warn", "breaking", ["codelist.code.drop"]), {}),
        ([OLD], [OLD | {"name": "平泉"}], ("info", "info", ["codelist.name"]), {}),
        (
            [OLD],
            [OLD | {"name": "另一县", "valid_from": "2020-01-01"}],
            ("breaking", "breaking", ["codelist.meaning"]),
            {},
        ),
        (
            [OLD],
            [OLD | {"valid_from": "1960-01-01"}],
            ("warn", "breaking", ["codelist.validity"]),
            {},
        ),  # refused for 1959
        ([OLD], [OLD | {"valid_from": "1958-01-01"}], ("warn", "warn", ["codelist.validity"]), {}),
        ([OLD | {"valid_from": None}], [OLD], ("warn", "breaking", ["codelist.validity"]), {}),
        # another name and a first day where there was none
        (
            [OLD | {"name": "平泉", "valid_from": None}],
            [OLD],
            ("warn", "breaking", ["codelist.name", "codelist.validity"]),
            {},
        ),
        # a replacement that is taken back
        ([OLD | {"replaced_by": "130881"}, NEW], [OLD, NEW], ("warn", "warn", ["codelist.code.replace"]), {}),
        ([OLD], [OLD | {"parent": "130000"}], ("warn", "warn", ["codelist.parent"]), {}),
        ([OLD, NEW], [NEW, OLD], ("none", "none", []), {}),  # the order means nothing
    ],
)
def test_editions_of_a_code_list(old: Any, new: Any, expected: Any, policy: Any) -> None:
    """Who reads is taken to bear new codes; a code that changes its meaning breaks in silence."""
    assert judged("codelist", codes(*old), codes(*new), **policy) == expected


def test_an_edition_that_lacks_much_is_suspect() -> None:
    """A shorter list is not taken for a mass retirement: nobody knows."""
    many = [{"code": str(number)} for number in range(100)]
    reader, writer, rules = judged("codelist", codes(*many), codes(*many[:60]))
    assert (reader, writer, rules[0]) == ("warn", "breaking", "codelist.shorter.undecided")
    assert not compare("codelist", codes(*many), codes(*many[:60]), "reader", Policy()).compatible


@pytest.mark.parametrize(
    ("kind", "document", "words"),
    [
        ("codelist", [], "an object, not list"),
        ("codelist", {"kind": "file"}, "kind is 'file'"),
        ("codelist", {"format": "x/2"}, "format is 'x/2'"),
        ("codelist", {"codes": {}}, "codes: a list of objects"),
        ("codelist", {"codes": [{"name": "x"}]}, r"codes\[0\] has no code"),
        ("codelist", {"codes": [{"code": 130823}]}, r"codes\[0\].code: a text, not int"),
        ("codelist", {"codes": [{"code": "1"}, {"code": "1"}]}, "1 is there twice"),
        ("file", {}, "columns: a list"),
        ("file", {"columns": [{"name": "a"}, {"name": "a"}]}, "the column a is there twice"),
        ("file", {"columns": [{}]}, "has no name"),
        ("file", {"columns": [{"name": "a"}], "read_by": "luck"}, "not 'luck'"),
        ("ogc", {"collections": []}, "an object of objects"),
    ],
)
def test_a_bad_snapshot_is_named(kind: str, document: Any, words: str) -> None:
    """Where and what."""
    with pytest.raises(BadDocument, match=words):
        compare(kind, document, document, "both", Policy())


FACTS = {
    "name": "p_{day}.csv",
    "encoding": "utf-8",
    "bom": False,
    "delimiter": ",",
    "quote": '"',
    "line_end": "\n",
    "date_format": "yyyy-MM-dd",
}


def file(columns: str, widths: int | None = None, **facts: Any) -> Any:
    """Return the snapshot of a layout."""
    return layout.snapshot([{"name": name, "width": widths} for name in columns.split()], FACTS | facts)


@pytest.mark.parametrize(
    ("old", "new", "by_name", "by_position"),
    [
        # columns: appended, inserted, moved, removed, renamed
        ("a b", "a b c", ("info", "none"), ("warn", "breaking")),
        ("a b", "a c b", ("info", "none"), ("breaking", "breaking")),
        ("a b c", "a c b", ("info", "none"), ("breaking", "breaking")),
        ("a b", "a", ("breaking", "breaking"), ("breaking", "breaking")),
        ("a b", "a c", ("breaking", "breaking"), ("warn", "breaking")),
        ("a b", "a b", ("none", "none"), ("none", "none")),
    ],
)
def test_columns_of_a_file(old: str, new: str, by_name: Any, by_position: Any) -> None:
    """Who reads by name bears what who reads by position does not."""
    assert judged("file", file(old), file(new))[:2] == by_name
    assert judged("file", file(old, read_by="position"), file(new, read_by="position"))[:2] == by_position
    assert judged("file", file(old, 4), file(new, 4))[:2] == by_position  # a fixed layout


def test_a_header_that_is_checked_binds_writers_too() -> None:
    """A column more is refused by a reader that compares the whole header; none that will compare it concerns readers now."""
    assert judged("file", file("a", header_checked=True), file("a b", header_checked=True))[:2] == (
        "breaking",
        "breaking",
    )


@pytest.mark.parametrize(
    ("change", "reader", "writer", "rule"),
    [
        ({"delimiter": "|"}, "breaking", "breaking", "file.delimiter"),
        ({"quote": "'"}, "breaking", "breaking", "file.quote"),
        ({"line_end": "\r\n"}, "breaking", "breaking", "file.line_end"),
        ({"bom": True}, "breaking", "breaking", "file.bom"),
        ({"compression": "gzip"}, "breaking", "breaking", "file.compression"),
        ({"check_file": "md5"}, "breaking", "breaking", "file.check_file"),
        ({"encoding": "gb18030"}, "breaking", "breaking", "file.encoding"),
        ({"encoding": "UTF8"}, "none", "none", None),  # the same by another name
        ({"encoding": "utf_8"}, "none", "none", None),
        ({"encoding": "\0"}, "breaking", "breaking", "file.encoding"),
        ({"escape": "\\"}, "warn", "warn", "file.fact.undecided"),  # a word that nobody judges is not passed over
        ({"title": "new"}, "none", "none", None),
        ({"date_format": "dd/MM/yyyy"}, "breaking", "breaking", "file.date_format"),
        ({"name": "q_{day}.csv"}, "breaking", "warn", "file.name"),
        ({"split_mb": 100}, "breaking", "warn", "file.split"),
        ({"number_format": "1.234,5"}, "warn", "warn", "file.number_format.undecided"),  # the old side does not say
        ({"read_by": "position"}, "breaking", "breaking", "file.read_by"),
    ],
)
def test_facts_of_a_whole_file(change: Any, reader: str, writer: str, rule: str | None) -> None:
    """Most of them are silent: what is read is wrong, or nothing is found at all."""
    assert judged("file", file("a b"), file("a b", **change)) == (reader, writer, [rule] if rule else [])


def test_character_sets_contain_each_other() -> None:
    """What gbk writes gb18030 reads, and what ascii writes everybody; utf-8 and gb18030 read nothing of each other."""
    for wide in ("utf-8", "gb18030"):
        assert judged("file", file("a", encoding="us-ascii"), file("a", encoding=wide))[:2] == ("breaking", "none")
        assert judged("file", file("a", encoding=wide), file("a", encoding="us-ascii"))[:2] == ("none", "breaking")
    assert judged("file", file("a", encoding="gbk"), file("a", encoding="utf-8"))[:2] == ("breaking", "breaking")
    assert judged("file", file("a", encoding="gbk"), file("a", encoding="gb18030"))[:2] == ("breaking", "none")
    assert judged("file", file("a", encoding="gb18030"), file("a", encoding="gbk"))[:2] == ("none", "breaking")


def test_a_column_says_what_is_in_it() -> None:
    """Another type, format or width is another column."""
    old, new = (
        layout.snapshot([{"name": "d", "type": "date", "format": form}], FACTS) for form in ("yyyyMMdd", "yyMMdd")
    )
    assert judged("file", old, new) == ("breaking", "breaking", ["file.column.format"])


def test_what_a_file_shows_of_itself() -> None:
    """Byte order mark, line end and header, in the encoding that its owner declared."""
    found = layout.observed('\ufeff"姓名",年龄\r\n1,2\r\n'.encode(), delimiter=",", encoding="utf-8")
    assert (found["bom"], found["line_end"], [c["name"] for c in found["columns"]]) == (True, "\r\n", ["姓名", "年龄"])
    for head, words in ((b"a,b", "no line end"), (b"\xff\xff\n", "not utf-8")):
        with pytest.raises(BadDocument, match=words):
            layout.observed(head, delimiter=",", encoding="utf-8")


ROADS: dict[str, Any] = {
    "properties": {"name": {"type": "string", "required": True, "nullable": False, "maxLength": 50}, "kind": {"type": "string", "enum": ["a", "b"]}},
    "geometry": {"property": "geom", "type": "LineString"},
    "crs": {"default": "OGC:CRS84", "axis_order": "longitude,latitude", "supported": ["OGC:CRS84"]},
    "formats": ["application/geo+json"], "page_limit": {"default": 10, "maximum": 1000}, "id": "integer", "queryables": ["name"],
}  # fmt: skip


def prop(name: str, **facts: Any) -> dict[str, Any]:
    """Return a collection with other facts of a property."""
    return {"properties": {**ROADS["properties"], name: {**ROADS["properties"].get(name, {}), **facts}}}


@pytest.mark.parametrize(
    ("change", "reader", "writer", "rule"),
    [
        # properties
        (prop("more", type="string"), "breaking", "none", "ogc.property.add"),
        (prop("more", type="string", required=True), "breaking", "breaking", "ogc.property.add.required"),
        ({"properties": {"name": ROADS["properties"]["name"]}}, "none", "breaking", "ogc.property.remove"),
        (prop("name", maxLength=60), "breaking", "none", "ogc.type"),
        (prop("name", maxLength=40), "none", "breaking", "ogc.type"),
        (prop("name", type="integer", maxLength=None), "breaking", "breaking", "ogc.type"),
        (prop("name", required=False), "breaking", "none", "ogc.required"),
        (prop("name", nullable=True), "breaking", "none", "ogc.nullable"),
        (prop("kind", enum=["a", "b", "c"]), "breaking", "none", "ogc.type"),
        (prop("kind", enum=["a"]), "none", "breaking", "ogc.type"),
        (prop("name", type="object"), "breaking", "breaking", "ogc.type"),
        (prop("name", type="list"), "warn", "warn", "ogc.type.undecided"),
        (prop("name", **{"$ref": "#/elsewhere"}), "none", "warn", "ogc.type.undecided"),
        (prop("name", format="uuid"), "none", "warn", "ogc.type.undecided"),
        (prop("name", xml={"patterns": [["A+"]]}), "warn", "warn", "ogc.type.undecided"),
        (prop("name", exclusiveMinimum=1), "none", "none", None),  # of a text, it limits nothing
        ({"storage": "other"}, "warn", "warn", "ogc.fact.undecided"),
        # geometry: renamed, widened, narrowed
        # what is said of it besides
        (
            {"geometry": {"property": "geom", "type": "LineString", "dimension": 3}},
            "warn",
            "warn",
            "ogc.geometry.undecided",
        ),
        ({"geometry": {"property": "shape", "type": "LineString"}}, "breaking", "breaking", "ogc.geometry.property"),
        # one line is no collection of lines: some programs take it for one, PostGIS does not
        (
            {"geometry": {"property": "geom", "type": "MultiLineString"}},
            "breaking",
            "warn",
            "ogc.geometry.type.undecided",
        ),
        ({"geometry": {"property": "geom", "type": "Geometry"}}, "breaking", "none", "ogc.geometry.type"),
        ({"geometry": {"property": "geom", "type": "Point"}}, "breaking", "breaking", "ogc.geometry.type"),
        # silent: another system, another order of axes
        ({"crs": {**ROADS["crs"], "default": "EPSG:4490"}}, "breaking", "breaking", "ogc.crs.default"),
        ({"crs": {**ROADS["crs"], "axis_order": "latitude,longitude"}}, "breaking", "breaking", "ogc.axis_order"),
        ({"crs": {**ROADS["crs"], "supported": ["OGC:CRS84", "EPSG:4490"]}}, "info", "none", "ogc.crs.add"),
        # what is asked for
        ({"formats": []}, "breaking", "none", "ogc.format.remove"),
        ({"queryables": []}, "breaking", "none", "ogc.queryable.remove"),
        ({"queryables": ["name", "kind"]}, "info", "none", "ogc.queryable.add"),
        ({"page_limit": {"default": 10, "maximum": 100}}, "warn", "none", "ogc.page_limit.maximum"),
        ({"page_limit": {"default": 20, "maximum": 1000}}, "info", "none", "ogc.page_limit.default"),
        ({"id": "string"}, "breaking", "breaking", "ogc.id"),
    ],
)
def test_a_collection_of_features(change: Any, reader: str, writer: str, rule: str | None) -> None:
    """Another order of axes is the worst of them: no request fails."""
    old, new = ogc.snapshot({"roads": ROADS}), ogc.snapshot({"roads": ROADS | change})
    assert judged("ogc", old, new) == (reader, writer, [rule] if rule else [])


def test_collections_come_and_go() -> None:
    """One more harms nobody, one less everybody."""
    one, two = ogc.snapshot({"roads": ROADS}), ogc.snapshot({"roads": ROADS, "rivers": ROADS})
    assert judged("ogc", one, two) == ("info", "none", ["ogc.collection.add"])
    assert judged("ogc", two, one) == ("breaking", "breaking", ["ogc.collection.remove"])
    assert (
        judged("ogc", one, ogc.snapshot({"roads": ROADS | prop("kind", enum=["a", "b", "c"])}), enum="extensible")[0]
        == "warn"
    )


def test_facts_of_a_collection_are_taken_from_what_its_service_answers() -> None:
    """Schema, queryables and the collection's own description."""
    collection = {
        "storageCrs": "http://www.opengis.net/def/crs/EPSG/0/4490", "crs": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
        "links": [{"rel": "items", "type": "application/geo+json"}, {"rel": "self", "type": "text/html"}],
    }  # fmt: skip
    schema = {
        "required": ["name"],
        "properties": {
            "fid": {"type": "integer", "x-ogc-role": "id"}, "geom": {"format": "geometry-multipolygon", "x-ogc-role": "primary-geometry"},
            "name": {"type": ["string", "null"], "maxLength": 5, "title": "名称"},
        },
    }  # fmt: skip
    found = ogc.of_api(collection, schema, {"properties": {"name": {}}})
    assert found == {
        "properties": {"name": {"type": "string", "maxLength": 5, "required": True, "nullable": True}},
        "geometry": {"property": "geom", "type": "MultiPolygon"}, "id": "integer",
        "crs": {"default": "EPSG:4490", "axis_order": "latitude,longitude", "supported": ["OGC:CRS84"]},
        "formats": ["application/geo+json"], "queryables": ["name"],
    }  # fmt: skip


DESCRIBED = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:c="u:c"
 targetNamespace="u:c" elementFormDefault="qualified"><xs:import namespace="http://www.opengis.net/gml/3.2" schemaLocation="x"/>
<xs:element name="road" type="c:roadType" substitutionGroup="gml:AbstractFeature"/>
<xs:complexType name="roadType"><xs:complexContent><xs:extension base="gml:AbstractFeatureType"><xs:sequence>
<xs:element name="lanes" minOccurs="0" nillable="true"><xs:simpleType><xs:restriction base="xs:int"><xs:maxInclusive value="9"/></xs:restriction></xs:simpleType></xs:element>
<xs:element name="built" type="xs:date"/><xs:element name="geom" type="gml:CurvePropertyType"/>
</xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:schema>"""
CAPABLE = """<w:WFS_Capabilities xmlns:w="http://www.opengis.net/wfs/2.0" xmlns:o="http://www.opengis.net/ows/1.1">
<o:OperationsMetadata><o:Constraint name="CountDefault"><o:DefaultValue>500</o:DefaultValue></o:Constraint></o:OperationsMetadata>
<w:FeatureTypeList><w:FeatureType><w:Name>c:road</w:Name><w:DefaultCRS>urn:ogc:def:crs:EPSG::4490</w:DefaultCRS>
<w:OtherCRS>urn:ogc:def:crs:OGC:1.3:CRS84</w:OtherCRS><w:OutputFormats><w:Format>application/gml+xml; version=3.2</w:Format></w:OutputFormats>
</w:FeatureType></w:FeatureTypeList></w:WFS_Capabilities>"""


def test_facts_of_a_feature_type_are_taken_from_what_its_service_answers() -> None:
    """DescribeFeatureType for the properties, GetCapabilities for the rest."""
    found = ogc.of_wfs(DESCRIBED, CAPABLE, "c:road")
    assert found["properties"] == {
        "lanes": {"type": "integer", "minimum": -(2**31), "maximum": 9, "required": False, "nullable": True},
        "built": {"type": "string", "format": "date", "required": True, "nullable": False},
    }
    assert found["geometry"] == {"property": "geom", "type": "LineString"}
    assert found["crs"] == {
        "default": "EPSG:4490",
        "axis_order": "latitude,longitude",
        "supported": ["EPSG:4490", "OGC:CRS84"],
    }
    assert (found["page_limit"], found["formats"]) == ({"default": 500}, ["application/gml+xml; version=3.2"])
    for arguments, words in (
        ((DESCRIBED, CAPABLE, "c:rail"), "no feature type"),
        ((DESCRIBED, "<a/>", "c:road"), "no feature type"),
    ):
        with pytest.raises(BadDocument, match=words):
            ogc.of_wfs(*arguments)


@pytest.mark.parametrize(
    ("facet", "reader", "writer"),
    [
        ('<xs:maxExclusive value="9"/>', "none", "breaking"),
        ('<xs:maxInclusive value="10"/>', "breaking", "none"),
        ('<xs:enumeration value="1"/><xs:enumeration value="2"/>', "none", "breaking"),
        ('<xs:enumeration value="1"/><xs:enumeration value="10"/>', "breaking", "breaking"),
        ('<xs:maxInclusive value="9"/><xs:totalDigits value="1"/>', "warn", "warn"),  # JSON Schema has no word for it
        ('<xs:maxInclusive value="9"/><xs:pattern value="[1-3]"/>', "warn", "warn"),
    ],
)
def test_what_limits_a_value_of_a_feature_type_is_not_passed_over(facet: str, reader: str, writer: str) -> None:
    """Whatever a facet says, it stands in the snapshot."""
    old, new = (
        ogc.snapshot({"road": ogc.of_wfs(text, CAPABLE, "c:road")})
        for text in (DESCRIBED, DESCRIBED.replace('<xs:maxInclusive value="9"/>', facet))
    )
    assert judged("ogc", old, new)[:2] == (reader, writer)
