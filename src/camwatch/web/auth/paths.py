"""Which path a request asks for. There is one way to write each; every other one leads nowhere.

The door and the routes must never read one path in two ways, so nothing is put right here: no doubled slash,
no dot segment, no encoded slash, no other capital.
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
"""What anybody may ask for: the probes, the way in, and the language it speaks."""
STATIC = "/static/"
"""What pages are made of, the same for everybody."""
METRICS = "/metrics"

_TRICKS = re.compile(r"//|\\|[\x00-\x1f\x7f]|(?:^|/)\.{1,2}(?:/|$)")
_ENCODED = re.compile(rb"%(?:2f|5c|00)", re.IGNORECASE)


def normalize_path(scope: MutableMapping[str, Any], root: str) -> str | None:
    """Return the path below the root, and write the scope so that routers find it; None if it is a trick.

    A proxy may take the root away or leave it.
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
    """Tell whether anybody may ask for it, without an account."""
    return route in PUBLIC or route.startswith(STATIC)


def is_safe_redirect(path: str) -> bool:
    """Tell whether somebody may be sent to a path after logging in: one of ours, and on this host."""
    return (
        path.startswith("/")
        and not path.startswith("//")
        and path.isascii()
        and path.isprintable()
        and "\\" not in path
        and len(path) <= 2048
    )
