"""Static files: read and compressed once, cached by browsers without limit.

The URL of a file contains the hash of its content (`?v=…`), so a new version has a new URL. Modules do not
import each other, since an import would have no hash.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from camwatch.web.problems import not_found

STATIC: Final = Path(__file__).parents[1] / "static"
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "LICENSE": "text/plain; charset=utf-8",
}
_IMMUTABLE: Final = "public, max-age=31536000, immutable"
_REVALIDATE: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """A file: its content, the same compressed (None if that gains nothing), media type and hash."""

    content: bytes
    compressed: bytes | None
    media_type: str
    version: str


class Assets:
    """The files in `static`, by their path in it."""

    def __init__(self) -> None:
        paths = [path for path in STATIC.rglob("*") if path.suffix[1:] in _TYPES]
        self._assets = {path.relative_to(STATIC).as_posix(): _asset(path) for path in paths}

    def url(self, name: str) -> str:
        """Return the URL path of a file, with the hash of its content."""
        return f"/static/{name}?v={self._assets[name].version}"

    def respond(self, request: Request, name: str) -> Response:
        """Return the response to a request for a file. Raises ProblemError (404) without one."""
        asset = self._assets.get(name)
        if asset is None:
            raise not_found("such file")
        asked = request.query_params.get("v")
        headers = {
            "cache-control": _IMMUTABLE if asked == asset.version else _REVALIDATE,
            "etag": f'"{asset.version}"',
            "vary": "accept-encoding",
        }
        if f'"{asset.version}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if asset.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            return Response(asset.compressed, headers=headers, media_type=asset.media_type)
        return Response(asset.content, headers=headers, media_type=asset.media_type)


def _asset(path: Path) -> Asset:
    content = path.read_bytes()
    compressed = gzip.compress(content, 9, mtime=0)
    return Asset(
        content,
        compressed if len(compressed) < 0.9 * len(content) else None,
        _TYPES[path.suffix[1:]],
        hashlib.sha256(content).hexdigest()[:12],
    )
