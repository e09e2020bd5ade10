"""`gateway schema snapshot PLATFORM`: one document for each kind of endpoint, which `gateway schema diff` takes as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.model import Platform
from schemas.cli import group
from tests.integration.connectors import soap_site
from tests.integration.connectors.filed import Folder, table
from tests.integration.connectors.ogc_site import PLACE
from tests.integration.connectors.ogc_site import platform as maps
from tests.integration.connectors.site import POST, Reply, Site
from tests.integration.schemas.test_endpoints import FILED, api, collection, rest, served

Run = Callable[..., Result]
POSTS = {"items": [{"id": "canary-1", "content": "canary-2"}]}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Yield a platform that listens in clear, for which nobody waits when it is away."""
    monkeypatch.setattr("connectors.http_peer._sleep", lambda _seconds: None)
    listening = Site()
    yield listening
    listening.close()


@pytest.fixture
def run(city: Any, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs a command of the group on the city as it is then."""
    monkeypatch.setattr("schemas.cli_snapshot.Deployment.open", lambda: city.deployment)
    return lambda *words: CliRunner().invoke(group, list(words))


def interface(city: Any, site: Site, _tmp_path: Path) -> str:
    """Serve an interface that publishes a description."""
    served(city, rest(describe="/openapi.json"), POST, site.dsn())
    site.gives(api("id", "content"))
    return "app"


def records(city: Any, site: Site, _tmp_path: Path) -> str:
    """Serve an interface that publishes none."""
    served(city, rest(), POST, site.dsn())
    site.gives(POSTS)
    return "app"


def service(city: Any, site: Site, tmp_path: Path) -> str:
    """Serve a SOAP service."""
    soap_site.place(tmp_path)
    served(city, soap_site.platform(), soap_site.FEEDBACK, site.dsn(base="/services/superv"))
    site.gives(soap_site.xml(soap_site.wsdl().encode()))
    return "superv"


def map_service(city: Any, site: Site, _tmp_path: Path) -> str:
    """Serve a collection of features."""
    served(city, maps("features"), PLACE, site.dsn(base="/maps"))
    site.script = collection({"name": {"type": "string"}})
    return "maps"


def folder(city: Any, _site: Site, tmp_path: Path) -> str:
    """Put a file where a platform's files are."""
    options = {"resources": {FILED.name: {"format": {"kind": "csv", "charset": "utf-8"}}}}
    files = tmp_path / "files"
    files.mkdir()
    served(city, Platform("self", "自建", "files", "SELF", "zjj", options=options), FILED, f"file://{files}")
    Folder(files).put(table(["id", "name"], [{"id": 1, "name": "canary"}]), 1, "full")
    return "self"


def base(city: Any, _site: Site, _tmp_path: Path) -> str:
    """Leave the city's own database."""
    return next(iter(city.deployment.catalog.platforms))


@pytest.mark.parametrize(
    ("serve", "kind", "holds"),
    [
        (base, "pg", '"name":"person"'),
        (interface, "openapi", '"/posts"'),
        (records, "jsonschema", '"content"'),
        (service, "wsdl", "definitions"),
        (map_service, "ogc", '"places"'),
        (folder, "file", '"line_end"'),
    ],
)
def test_a_platform_of_each_kind_becomes_a_document_that_compares(
    city: Any, site: Site, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Any, kind: str, holds: str
) -> None:
    """The document holds its structure and no value, and is the same as itself."""
    if serve is service:
        monkeypatch.setenv("GATEWAY_CATALOG", str(tmp_path))
    name = serve(city, site, tmp_path)
    found = run("snapshot", name)
    assert found.exit_code == 0, found.output
    assert holds in found.stdout
    assert "canary" not in found.stdout
    for side in ("old", "new"):
        (tmp_path / side).write_text(found.stdout, encoding="utf-8")
    same = run("diff", "--kind", kind, "--old", str(tmp_path / "old"), "--new", str(tmp_path / "new"), "--json")
    assert json.loads(same.stdout) == {"level": "none", "compatible": True, "changes": []}


def test_a_data_set_is_chosen_among_those_a_platform_tells_of(city: Any, site: Site, run: Run) -> None:
    """One that it does not tell of is named with those that it does."""
    served(city, rest(), POST, site.dsn())
    site.gives(POSTS)
    assert '"content"' in run("snapshot", "app", "--dataset", POST.name).stdout
    wrong = run("snapshot", "app", "--dataset", "nobody.knows")
    assert wrong.exit_code != 0
    assert "nobody.knows" in wrong.output
    assert f"It tells of {POST.name}." in " ".join(wrong.output.split())


def test_of_several_data_sets_one_must_be_named(city: Any, site: Site, run: Run) -> None:
    """Nothing is chosen by chance."""
    served(city, rest(), POST, site.dsn())
    catalog, other = city.deployment.catalog, replace(POST, name="message.other")
    options = {"resources": {n: {"path": "/posts", "records": "items"} for n in (POST.name, other.name)}}
    platform = replace(catalog.platforms["app"], options=options)
    routes = {d.name: replace(catalog.routes["only"], route=d.name, dataset=d, peer=platform) for d in (POST, other)}
    changed = replace(catalog, platforms={"app": platform}, routes=routes, datasets={d.name: d for d in (POST, other)})
    city.deployment = replace(city.deployment, catalog=changed)
    site.gives(POSTS)
    found = run("snapshot", "app")
    assert found.exit_code != 0
    assert f"Add --dataset: message.other, {POST.name}." in " ".join(found.output.split())


def test_what_cannot_be_taken_is_named(city: Any, site: Site, run: Run) -> None:
    """A name that is none, a connection that is none, a server that is away, and a platform that tells nothing."""
    name = base(city, site, Path())
    dsn = city.source_dsn
    for words, said in (
        (["snapshot", "nobody"], "there is no platform nobody"),
        (["snapshot", "--dsn", dsn.replace(f":{city.servers[1].port}/", ":1/")], "database"),
        (["snapshot", "--dsn", "mysql://unit:secret@127.0.0.1:1/shape"], "unable to take a snapshot"),
        (["snapshot"], "either --dsn or PLATFORM"),
    ):
        found = run(*words)
        assert (found.exit_code != 0, said in " ".join(found.output.split())) == (True, True), found.output
        assert "secret" not in found.output
    deployment = city.deployment
    city.deployment = replace(deployment, resolve=lambda _name: None)
    assert "is not configured" in " ".join(run("snapshot", name).output.split())
    served(city, rest(describe="/openapi.json"), POST, site.dsn())
    site.gives(Reply(b"<html>", 503))
    away = run("snapshot", "app")
    assert away.exit_code != 0
    assert "app" in away.output
    site.gives({"items": []})
    served(city, rest(), POST, site.dsn())
    assert "publishes nothing" in " ".join(run("snapshot", "app").output.split())
