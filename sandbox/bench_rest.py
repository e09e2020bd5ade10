"""The benchmark's REST line: JSON pages over HTTP into the hub, every record checked, against parsing and COPY alone.

`python -m sandbox.bench_rest ROWS kept` serves the pages from memory until its standard input ends, with `made` it makes each
as it is asked for. Its CPU is counted on both sides, as both fetch the same pages.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import requests

from gateway.exchange import hub as hub_tables
from gateway.exchange import transfer
from gateway.model import Catalog, DeleteLimit, Platform, Route
from sandbox import meter

PAGE = 5_000
_SECONDS = 3600  # of one read, be it of 10,000,000 records
# A data set of its own: a key of bench.person may come from one source only.
RECORD = replace(meter.PERSON, name="bench.record")
_COLUMNS = [name.strip() for name in meter.COLUMNS.split(",")]
_RESOURCE = {
    "path": "/persons",
    "records": "items",
    "total": "total",
    "paging": {"kind": "page", "parameter": "page", "size": PAGE, "first": 0},
}


def rest_load(city: meter.Bench, rows: int, pairs: int) -> dict[str, Any]:
    """Compare a whole run over HTTP with fetching the same pages, orjson.loads and a COPY into a table without key."""
    bad = rows // meter.BAD_EVERY
    deployment = replace(city.deployment, catalog=catalog(city.deployment.catalog))
    hub_tables.prepare(deployment)
    with server(rows, kept=True) as url:
        os.environ["GATEWAY_CONN_BENCH_REST"] = url

        def between() -> None:
            city.ask("drop table if exists hub.bench_record__bench_rest")
            city.ask("update gateway.route_state set loaded = false where route = 'bench_rest_in'")
            city.ask("alter table gateway.quarantine disable trigger all; delete from gateway.quarantine")
            city.ask("drop table if exists plain")
            city.ask(f"create unlogged table plain ({meter.SHAPE})")

        def limit() -> None:
            meter.check(_parse_and_copy(city, url, rows) == rows, "pages copied")

        def ours() -> None:
            outcome = transfer.run(deployment, "bench_rest_in")
            meter.check((outcome.inserted, outcome.rejected) == (rows - bad, bad), "records landed")

        return city.pairs(f"rest_load.{meter.size(rows)}", pairs, limit, ours, between)


def catalog(of: Catalog) -> Catalog:
    """Return the bench's catalog with the route of this line alone."""
    options = {"resources": {RECORD.name: _RESOURCE}, "limits": {"seconds": _SECONDS}}
    source = Platform("bench_rest", "测试接口", "rest", "BENCH_REST", "bench", options=options)
    term = of.terms["bench"]
    route = Route("bench_rest_in", RECORD, source, "incremental", "manual", term, delete_limit=DeleteLimit())
    return replace(of, datasets={RECORD.name: RECORD}, platforms={"bench_rest": source}, routes={route.route: route})


def _parse_and_copy(city: meter.Bench, url: str, rows: int) -> int:
    copied, session = 0, requests.Session()
    for page in range(-(-rows // PAGE)):
        records = orjson.loads(session.get(f"{url}/persons", params={"page": page}, timeout=60).content)["items"]
        lines = "".join("\t".join(str(r[c]) for c in _COLUMNS) + "\n" for r in records)
        with city.hub.cursor() as cursor:
            cursor.copy_expert(f"copy plain ({meter.COLUMNS}) from stdin", io.StringIO(lines))
        copied += len(records)
    return copied


@contextmanager
def server(rows: int, *, kept: bool) -> Iterator[str]:
    """Serve so many records, and yield the address; the pages are kept in memory or made as they are asked for."""
    command = [sys.executable, "-m", "sandbox.bench_rest", str(rows), "kept" if kept else "made"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


def record(i: int) -> dict[str, Any]:
    """Return record `i`; few are bad."""
    born = date(1940, 1, 1) + timedelta(days=i * 7919 % 30_000)
    head = "X" if i % meter.BAD_EVERY == 0 else "1"
    moment = datetime(2026, 11, 1, tzinfo=UTC) - timedelta(seconds=i)
    return {
        "id_no": f"{head}308{i % 30:02d}{born:%Y%m%d}{i // 30_000:04d}", "name": f"王{chr(20_000 + i % 5_000)}",
        "sex": i % 2 + 1, "birth": born.isoformat(), "ethnicity": i % 56 + 1,
        "division_code": f"1308{i % 30:02d}{i % 999_999:06d}",
        "address": f"河北省承德市双桥区某某街道某某路{i}号某某小区{i % 30}号楼", "updated_at": moment.isoformat(),
    }  # fmt: skip


def _page(rows: int, number: int) -> bytes:
    begin = number * PAGE
    items = [record(i) for i in range(begin + 1, min(begin + PAGE, rows) + 1)]
    return json.dumps({"total": rows, "items": items}, ensure_ascii=False).encode()


def _serve(pages: Callable[[int], bytes], say: Callable[[str], Any]) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = pages(int(self.path.rpartition("page=")[2]))
            self.send_response_only(200)
            self.send_header("Date", self.date_time_string())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a probe hangs up before the body has come
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(str(server.server_address[1]))
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    count = int(sys.argv[1])
    made = partial(_page, count)
    ready = list(map(made, range(count // PAGE + 1))) if sys.argv[2] == "kept" else []
    _serve(ready.__getitem__ if ready else made, lambda port: print(port, flush=True))
