"""The path of a request. Only its canonical form is valid; nothing is normalized silently.

Authentication and routing must never read one path in two ways: a doubled slash, a dot segment, an encoded
slash or another capital is 404.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

LOGIN = "/login"
LOGOUT = "/logout"
READY = "/-/ready"
PROBES = frozenset({"/-/healthy", READY})
PUBLIC = PROBES | {LOGIN, "/preferences"}
"""Paths that need no authentication."""
STATIC = "/static/"
"""Files of the pages, the same for all clients."""
METRICS = "/metrics"

_TRICKS = re.compile(r"//|\\|[\x00-\x1f\x7f]|(?:^|/)\.{1,2}(?:/|$)")
_ENCODED = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)


def normalize_path(scope: MutableMapping[str, Any], root: str) -> str | None:
    """Return the path below the root, and set it in the scope; None if it is not canonical.

    A proxy may remove the root path or keep it.
    """
    path = str(scope["path"])
    raw = scope.get("raw_path") or b""
    if not path.startswith("/") or _TRICKS.search(path) or _ENCODED.search(raw) or len(path) > 2048:
        return None
    if root and (path == root or path.startswith(f"{root}/")):
        path = path.removeprefix(root) or "/"
    scope["root_path"] = root
    scope["path"] = root + path
    return path


def is_public(route: str) -> bool:
    """Return whether a path needs no authentication."""
    return route in PUBLIC or route.startswith(STATIC)


def is_safe_redirect(path: str) -> bool:
    """Return whether a path is safe to redirect to: on this host."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and path.isascii()
        and path.isprintable()
        and "\\" not in path
        and len(path) <= 2048
    )
