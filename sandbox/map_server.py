"""The process of the stand-in map service: pygeoapi behind HTTP Basic, until its owner closes the pipe.

pygeoapi reads its configuration when it is imported, and needs a hundred megabytes: hence a process of its own.
"""

from __future__ import annotations

import os
import secrets
import sys
import threading
from base64 import b64encode
from pathlib import Path
from typing import Any

import uvicorn


def main(folder: Path, port: int) -> None:
    """Serve a folder's features on a port of 127.0.0.1; the credentials come as the first line of stdin."""
    wanted = f"Basic {b64encode(sys.stdin.readline().strip().encode()).decode()}".encode()
    os.environ["PYGEOAPI_CONFIG"] = str(folder / "config.yml")
    os.environ["PYGEOAPI_OPENAPI"] = str(folder / "openapi.json")
    from pygeoapi.starlette_app import APP  # noqa: PLC0415 - it reads the environment

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        given = dict(scope.get("headers", ())).get(b"authorization", b"")
        if scope["type"] == "http" and not secrets.compare_digest(given, wanted):
            head = [(b"www-authenticate", b"Basic"), (b"content-length", b"0")]
            await send({"type": "http.response.start", "status": 401, "headers": head})
            await send({"type": "http.response.body"})
            return
        await APP(scope, receive, send)

    config = uvicorn.Config(
        guarded, "127.0.0.1", port, log_level="critical", access_log=False, lifespan="off", ws="none"
    )
    server = uvicorn.Server(config)

    def watch() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
