"""The files of the live page, as they lie in ``sidecar/http/page``: read once, served from memory, and no others.

Everything that the page needs comes from here, and its policy lets the browser ask nobody else: no script or style that is not a file
of ours runs, and the page is shown in nobody's frame. Addresses are relative, so it works behind a proxy's path, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.responses import Response

FOLDER = Path(__file__).parent / "page"

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}

INDEX = "index.html"


def load() -> Mapping[str, Response]:
    """Return the answer for each file, by name."""
    files = [path for path in (*FOLDER.iterdir(), *(FOLDER / "vendor").iterdir()) if path.suffix in KINDS]
    return {path.name: Response(path.read_bytes(), media_type=KINDS[path.suffix], headers=HEADERS) for path in files}
