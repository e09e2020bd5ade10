"""The stand-in map service of the geographic library: a real pygeoapi over a file of features.

The file has latitude first, as EPSG:4490 says, and so has an answer in that system. What the service holds survives a
restart in its folder, its address and its account too.
"""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from sandbox import features, places
from sandbox.features import FEATURE, Row

SEED = 20261124
_WAIT_SECONDS = 60.0
_EPSG_4490 = "http://www.opengis.net/def/crs/EPSG/0/4490"
_CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


class MapService:
    """The stand-in map service on 127.0.0.1, in a process of its own; a context manager."""

    def __init__(self, folder: Path | None = None, *, seed: int = SEED) -> None:
        """Take the folder that keeps everything (default: one that goes with the service); fill it when it is new."""
        self._own = None if folder else tempfile.mkdtemp(prefix="gateway-maps-")
        self._folder = folder or Path(str(self._own))
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # it holds a secret
        self._seed, self._process = seed, None
        if not self._file("state.json").exists():
            self._fill()

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and remove a folder of its own."""
        self.stop()
        if self._own:
            shutil.rmtree(self._own)

    _process: subprocess.Popen[bytes] | None

    def start(self) -> None:
        """Answer from now on, at the port of the last time when that is still free."""
        state = self._state() | {"port": _free(self._state()["port"])}
        self._put("state.json", json.dumps(state))
        self._put("config.yml", yaml.safe_dump(_config(state["port"], self._file("features.geojson"))))
        self._put(
            "openapi.json", json.dumps({"openapi": "3.0.2", "info": {"title": "maps", "version": "1"}, "paths": {}})
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.map_server", str(self._folder), str(state["port"])],
            cwd=Path(__file__).parent.parent, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdin
        self._process.stdin.write(f"{state['user']}:{state['secret']}\n".encode())
        self._process.stdin.flush()
        self._await(state["port"])

    def stop(self) -> None:
        """Stop answering; what the service holds stays. May be called twice."""
        if self._process is None:
            return
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    @property
    def url(self) -> str:
        """Return the address without the account."""
        return f"http://127.0.0.1:{self._state()['port']}"

    @property
    def dsn(self) -> str:
        """Return the address as GATEWAY_CONN_GEO_MAP holds it."""
        state = self._state()
        return f"http://{state['user']}:{state['secret']}@127.0.0.1:{state['port']}"

    @property
    def pid(self) -> int:
        """Return the number of its process."""
        assert self._process
        return self._process.pid

    @property
    def bad(self) -> Mapping[str, list[tuple[tuple[Any, ...], str]]]:
        """Return what was filled in badly: by data set the key and the rule that is to find it."""
        return {FEATURE: [((key,), rule) for key, rule in self._state()["bad"]]}

    @property
    def file(self) -> Path:
        """Return the file that the service reads."""
        return self._file("features.geojson")

    def told(self) -> str:
        """Return in a line where it answers and what it holds."""
        return f"the map service answers at {self.url}: {len(self.rows()):,} features"

    def live(self) -> None:
        """Let a surveyor find a new place."""
        self.add()

    def rows(self) -> list[Row]:
        """Return what the service holds now in the contract's fields, good and bad."""
        held = json.loads(self._file("features.geojson").read_text(encoding="utf-8"))["features"]
        return [
            {"feature_id": f["id"], "geometry": _turned(f["geometry"]), **_without_remark(f["properties"])}
            for f in held
        ]

    def add(self, **changes: Any) -> Row:
        """Take in a new place, good unless `changes` make it bad, and return it."""
        state, now = self._state(), datetime.now(UTC)
        row = features.place(state["next"], "新设", places.counties()[0], now, self._seed)
        row |= {"updated_at": features.moment(now)} | changes
        self._put("state.json", json.dumps(state | {"next": state["next"] + 1}))
        self._write([*self.rows(), row])
        return row

    def edit(self, feature_id: str, **changes: Any) -> None:
        """Change a feature; it is stamped anew unless `changes` name updated_at. KeyError without it."""
        rows = self.rows()
        place = next((n for n, row in enumerate(rows) if row["feature_id"] == feature_id), None)
        if place is None:
            raise KeyError(feature_id)
        rows[place] |= {"updated_at": features.moment(datetime.now(UTC))} | changes
        self._write(rows)

    def delete(self, feature_id: str) -> None:
        """Remove a feature without a trace; KeyError when there is none."""
        rows = self.rows()
        kept = [row for row in rows if row["feature_id"] != feature_id]
        if len(kept) == len(rows):
            raise KeyError(feature_id)
        self._write(kept)

    def _fill(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        rows = list(features.features(now, self._seed))
        number, bad = len(rows), []
        for rule in features.breakable():
            row = features.place(number, "试验", places.counties()[0], now, self._seed)
            rows.append(features.broken(rule, row))
            bad.append((row["feature_id"], rule))
            number += 1
        self._write(rows)
        account = {"user": f"gateway-{secrets.token_hex(4)}", "secret": secrets.token_urlsafe(24)}
        self._put("state.json", json.dumps({"port": 0, "next": number, "bad": bad, **account}))

    def _write(self, rows: list[Row]) -> None:
        held = [
            {"type": "Feature", "id": row["feature_id"], "geometry": _turned(row["geometry"]),
             "properties": {k: v for k, v in row.items() if k not in {"feature_id", "geometry"}} | {"remark": ""}}
            for row in rows
        ]  # fmt: skip
        self._put("features.geojson", json.dumps({"type": "FeatureCollection", "features": held}, ensure_ascii=False))

    def _await(self, port: int) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise RuntimeError("the map service does not start")

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._file("state.json").read_text(encoding="utf-8"))
        return found

    def _put(self, name: str, text: str) -> None:
        """Write a file as a whole: a reader sees the old one or the new one."""
        fresh = self._file(f"{name}.new")
        fresh.touch(mode=0o600)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._file(name))

    def _file(self, name: str) -> Path:
        return self._folder / name


def _turned(shape: Row | None) -> Row | None:
    """Return a geometry with the first two ordinates of each position exchanged."""
    return shape and {**shape, "coordinates": _exchanged(shape["coordinates"])}


def _exchanged(value: list[Any]) -> list[Any]:
    if value and isinstance(value[0], list):
        return [_exchanged(inner) for inner in value]
    return [*value[1::-1], *value[2:]]


def _without_remark(properties: Row) -> Row:
    return {name: value for name, value in properties.items() if name != "remark"}


def _free(port: int) -> int:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def _config(port: int, file: Path) -> dict[str, Any]:
    """Return the configuration of pygeoapi."""
    url, words = (
        f"http://127.0.0.1:{port}",
        {"title": "地理信息库", "description": "演示用地图服务", "keywords": ["geo"]},
    )
    provider = {
        "type": "feature", "name": "GeoJSON", "data": str(file), "id_field": "feature_id",
        "crs": [_CRS84, _EPSG_4490], "storage_crs": _EPSG_4490,
    }  # fmt: skip
    box = {"bbox": [115.9, 40.1, 119.3, 42.7], "crs": _CRS84}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port}, "url": url, "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8", "gzip": False, "languages": ["zh-CN"], "pretty_print": False,
            "limits": {"default_items": 100, "max_items": 1000}, "map": {"url": url, "attribution": ""},
        },
        "logging": {"level": "CRITICAL"},
        "metadata": {
            "identification": {**words, "keywords_type": "theme", "terms_of_service": "", "url": url},
            "license": {"name": "CC0", "url": url}, "provider": {"name": "zrzyj", "url": url}, "contact": {"name": "zrzyj"},
        },
        "resources": {
            "features": {"type": "collection", **words, "extents": {"spatial": box}, "links": [], "providers": [provider]}
        },
    }  # fmt: skip
