"""Validators of settings: they return the value or its parts, or raise ValueError with what is allowed.

No message repeats a value that may be a secret: URLs and the content of secret files.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import zoneinfo
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from pydantic import ValidationInfo

PORTS = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""The schemes of a broker's URL and their usual ports."""
ENCRYPTED = ("mqtts", "wss")

_ROOT = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_TAKEN = frozenset({"authorization", "cookie", "host", "origin", "referer", "user-agent", "forwarded"})
_LISTEN = re.compile(r"(?P<host>\[[0-9a-fA-F:.%]+\]|[^\s:\[\]/@]+):(?P<port>[0-9]{1,5})")


class Endpoint(NamedTuple):
    """The address of a broker; `path` is for WebSockets only."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def encrypted(self) -> bool:
        """Whether the session is inside TLS."""
        return self.scheme in ENCRYPTED


def reject_bool(value: object) -> object:
    """Refuse true and false, which would pass as the numbers 1 and 0."""
    if value is True or value is False:
        raise ValueError("must be a number")
    return value


def display_name(value: str) -> str:
    """Check a name that users see and brokers receive."""
    if not value.isprintable() or value != value.strip() or not 1 <= len(value) <= 63:
        raise ValueError("must have 1 to 63 printable characters, without surrounding blanks")
    return value


def time_zone(value: object) -> object:
    """Return the time zone of this name; anything but text is left to pydantic."""
    if not isinstance(value, str):
        return value
    try:
        return ZoneInfo(value)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        close = difflib.get_close_matches(value, zoneinfo.available_timezones(), 1)
        hint = f"did you mean {close[0]!r}?" if close else "write one like 'Europe/Paris'"
    raise ValueError(f"{value[:40]!r} is not a time zone: {hint}")


def topic_prefix(value: str) -> str:
    """Check the first levels of every topic."""
    if not all(value.split("/")):
        raise ValueError(
            "must be levels like 'camwatch/v1', without a leading or trailing slash or an empty level"
        )
    if not value.isprintable() or any(mark in value for mark in "+#") or value.startswith("$"):
        raise ValueError("must be a plain topic without '+', '#' or a leading '$'")
    if len(value) > 200:
        raise ValueError("must have at most 200 characters")
    return value


def broker_url(value: str) -> str:
    """Check the URL of a broker."""
    endpoint(value)
    return value


@lru_cache(maxsize=64)
def endpoint(url: str) -> Endpoint:
    """Return the parts of a broker's URL, with the default port and path of its scheme."""
    if "@" in url:
        raise ValueError("contains credentials: use username and password_file")
    scheme, _, rest = url.partition("://")
    if scheme not in PORTS or not rest:
        raise ValueError("must begin with mqtt://, mqtts://, ws:// or wss:// and a host")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or not url.isprintable() or " " in url:
        raise ValueError("has no valid host and port: write it like mqtt://broker.example:1883")
    if parts.query or parts.fragment:
        raise ValueError("must end with the port or the path, without '?' or '#'")
    if scheme in ("mqtt", "mqtts") and parts.path not in ("", "/"):
        raise ValueError("must end with the port: only ws:// and wss:// have a path")
    return Endpoint(scheme, host, port or PORTS[scheme], parts.path or "/mqtt")


def listen_address(value: str) -> str:
    """Check an address to listen on."""
    listener(value)
    return value


@lru_cache(maxsize=64)
def listener(value: str) -> tuple[str, int]:
    """Return the host (without the brackets of IPv6) and the port to listen on."""
    found = _LISTEN.fullmatch(value)
    if found is None or int(found["port"]) > 65_535:
        raise ValueError(
            "must be host:port, like 127.0.0.1:10458 or [::1]:10458; 0.0.0.0:10458 is every IPv4 address"
        )
    return found["host"].strip("[]"), int(found["port"])


def is_loopback(host: str) -> bool:
    """Return whether only this machine can connect to a host that is listened on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def root_path(value: str) -> str:
    """Check the path under which a proxy serves the pages."""
    if value and (not _ROOT.fullmatch(value) or "/." in value):
        raise ValueError("must be like '/camwatch', with a leading and without a trailing slash, or empty")
    return value


def header_name(value: str) -> str:
    """Check the name of the header in which a proxy sends the user name."""
    if not _HEADER.fullmatch(value):
        raise ValueError("must be the name of a header, like 'X-Remote-User'")
    if value.lower() in _TAKEN:
        raise ValueError(f"cannot be {value}: browsers set it themselves; use one like 'X-Remote-User'")
    return value


def networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """Check addresses and networks, `10.0.0.7` or `10.0.0.0/24`."""
    for text in value:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(
                f"{text[:50]!r} is not an address or a network: write 10.0.0.7 or 10.0.0.0/24"
            ) from None
    return value


def store_url(value: str) -> str:
    """Check the URL of the store."""
    if value.startswith("sqlite:"):
        _check_sqlite(value)
    elif value.startswith("postgresql://"):
        _check_postgresql(value)
    else:
        raise ValueError("must begin with sqlite:/// or postgresql://")
    return value


def url_has_password(url: str) -> bool:
    """Return whether a store's URL contains a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.password) or "password" in parse_qs(parts.query)


def _check_sqlite(url: str) -> None:
    file = url.removeprefix("sqlite://").removeprefix("/")
    if not file or ":memory:" in file or "mode=memory" in file:
        raise ValueError("is lost when camwatch stops: name a file, like sqlite:///camwatch.db")
    if not url.startswith("sqlite:///"):
        raise ValueError(
            "needs three slashes before a file, like sqlite:///camwatch.db, four before a full path"
        )
    if "?" in url or not url.isprintable():
        raise ValueError("must end with the name of the file, without '?'")


def _check_postgresql(url: str) -> None:
    problem = "must be like postgresql://camwatch@db.example:5432/camwatch"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(problem) from None
    if port == 0 or not url.isprintable() or " " in url or parts.fragment:
        raise ValueError(f"{problem}; write special characters in names and passwords as %23 for '#'")
    if not parts.path.strip("/"):
        raise ValueError(f"names no database: it {problem}")


def readable_file(path: Path) -> Path:
    """Check that a file exists and is readable; it is not opened, since it may be a pipe."""
    try:
        if path.is_dir():
            raise ValueError(f"{path} is a folder: name a file")
        if not path.exists():
            raise ValueError(f"{path} does not exist: create it or correct the path")
    except OSError as error:
        raise ValueError(f"{path} cannot be accessed: {error.strerror}") from None
    if not os.access(path, os.R_OK):
        raise ValueError(f"{path} is not readable by this user: change its owner or its mode")
    return path


def has_certificate(key: Path, info: ValidationInfo) -> Path:
    """Check that the private key is set together with its certificate."""
    if info.data.get("cert_file", key) is None:
        raise ValueError("needs a cert_file: a private key is used with its certificate")
    return key


def check_order(suspect_after: float | None, down_after: float | None) -> str | None:
    """Return why `down_after` contradicts `suspect_after`, or None; a missing one contradicts nothing."""
    if suspect_after is None or down_after is None or suspect_after < down_after:
        return None
    return f"must be above suspect_after ({suspect_after:g}), it is {down_after:g}"


def check_range(base: Mapping[str, float], own: Mapping[str, float]) -> str | None:
    """Return why the maximum temperature contradicts the minimum, or None; `own` overrides `base`."""
    both = {**base, **own}
    low, high = both.get("temperature_min_celsius"), both.get("temperature_max_celsius")
    if low is None or high is None or low < high:
        return None
    return f"must be above temperature_min_celsius ({low:g}), it is {high:g}"


def tiles_url(text: str) -> str:
    """Check the URL template of map tiles."""
    if not text:
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be like https://tiles.example.org/{z}/{x}/{y}.png")
    if any(f"{{{name}}}" not in text for name in "zxy") or "{s}" in text:
        raise ValueError("must contain {z}, {x} and {y}, and one host, without {s}")
    if parts.username or parts.password:
        raise ValueError("contains credentials, which every browser would see")
    return text
