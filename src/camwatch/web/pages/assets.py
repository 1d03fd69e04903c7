"""Static files: read and compressed once, cached by browsers without limit.

The URL of a file contains the hash of its content (`?v=…`), so a new version has a new URL. Modules do not
import each other, since an import would have no hash.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from camwatch.web.problems import not_found

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

    def __init__(self, folder: Traversable | None = None) -> None:
        folder = folder or files("camwatch.web") / "static"
        self._assets = {name: _asset(name, content) for name, content in _files(folder, "")}

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


def _asset(name: str, content: bytes) -> Asset:
    compressed = gzip.compress(content, 9, mtime=0)
    return Asset(
        content,
        compressed if len(compressed) < 0.9 * len(content) else None,
        _TYPES[name.rpartition(".")[2]],
        hashlib.sha256(content).hexdigest()[:12],
    )


def _files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            found += _files(item, f"{prefix}{item.name}/")
        elif item.name.rpartition(".")[2] in _TYPES:
            found.append((prefix + item.name, item.read_bytes()))
    return found
