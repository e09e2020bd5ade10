"""What the pages with charts load: the chart library and our own script, by names that change with their content.

Each file bears its licence beside it. This file must not postpone its annotations.
"""

import hashlib
from pathlib import Path

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse

_FOLDER = Path(__file__).parent / "static"
_LIBRARY, _OWN = _FOLDER / "echarts-6.1.0.min.js", _FOLDER / "charts.js"
FILES = {
    _LIBRARY.name: _LIBRARY,
    f"charts-{hashlib.sha256(_OWN.read_bytes()).hexdigest()[:12]}.js": _OWN,
}
_YEAR = {"Cache-Control": "private, max-age=31536000, immutable"}

router = APIRouter()


@router.get("/static/{name}")
def file(name: str) -> Response:
    """Return a script by its name."""
    if name not in FILES:
        raise HTTPException(404)
    return FileResponse(FILES[name], media_type="text/javascript", headers=_YEAR)
