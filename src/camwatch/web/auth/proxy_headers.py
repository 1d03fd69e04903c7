"""The origin of a request: client address, TLS, host and user, from the headers of trusted proxies only.

From other addresses these headers are removed. uvicorn's own middleware follows X-Forwarded-For without a
bound, takes unreadable text for an address, and does not know IPv4-mapped peers of a dual-stack socket.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip")

_HOPS = 20  # entries of X-Forwarded-For that are read, from its end

_Headers = list[tuple[bytes, bytes]]


class Origin(NamedTuple):
    """The origin of a request.

    `remote_user`: the user that a trusted proxy has authenticated. `via_proxy`: some header names a proxy,
    trusted or not. `lost`: a trusted proxy sent no readable client address.
    """

    address: str
    secure: bool
    host: str
    remote_user: str | None
    via_proxy: bool
    lost: bool = False


class TrustedProxies:
    """The proxies whose headers are trusted."""

    def __init__(
        self, addresses: Iterable[str] = (), person_header: str | None = None, *, names_host: bool = False
    ) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in addresses)
        self._person = person_header.lower() if person_header else None
        self._names_host = names_host

    def resolve(self, peer: str, *, secure: bool, headers: _Headers) -> tuple[Origin, _Headers]:
        """Return the origin of a request, and its headers without those that only a proxy may set.

        Raises ValueError if a trusted proxy names two users.
        """
        forwarded: dict[str, list[str]] = {}
        kept: _Headers = []
        for raw, value in headers:
            name = raw.decode("latin-1").lower()
            # Some servers read an underscore as a hyphen: remove both.
            plain = name.replace("_", "-")
            if plain in _FORWARDED or plain == self._person:
                forwarded.setdefault(name, []).append(value.decode("latin-1").strip())
            else:
                kept.append((raw, value))
        host = _first(kept, b"host")
        if not self.trust(peer):
            return Origin(peer, secure, host, None, bool(forwarded)), kept
        hosts = forwarded.get("x-forwarded-host")
        if hosts and self._names_host:
            host = hosts[-1]
            kept = [(name, value) for name, value in kept if name.lower() != b"host"]
            kept.append((b"host", host.encode("latin-1")))
        proto = forwarded.get("x-forwarded-proto", [])
        address = self._client(forwarded.get("x-forwarded-for", []))
        origin = Origin(
            address=address or peer,
            secure=proto[-1].lower() == "https" if proto else secure,
            host=host,
            remote_user=self._remote_user(forwarded),
            via_proxy=True,
            lost=address is None,
        )
        return origin, kept

    def _remote_user(self, forwarded: dict[str, list[str]]) -> str | None:
        names = forwarded.get(self._person, []) if self._person else []
        if len(set(names)) > 1:
            raise ValueError("the proxy sent two different users")
        return names[0] or None if names else None

    def _client(self, forwarded: list[str]) -> str | None:
        """Return the last address that is not a trusted proxy's: clients can forge those before it."""
        found = None
        chain = [text for line in reversed(forwarded) for text in reversed(line.rsplit(",", _HOPS))]
        for text in chain[:_HOPS]:
            try:
                found = str(ipaddress.ip_address(_without_port(text.strip())))
            except ValueError:
                return found
            if not self.trust(found):
                return found
        return found

    def trust(self, address: str) -> bool:
        """Return whether an address is a trusted proxy's."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = found.ipv4_mapped if found.version == 6 else None
        return any((mapped or found) in network for network in self._networks)


def _without_port(text: str) -> str:
    """Return an address without the port that some proxies append."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def is_local(host: str) -> bool:
    """Return whether a `Host` is a loopback address or name (any of 127.0.0.0/8; DNS cannot rebind it)."""
    name = _hostname(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def is_local_address(address: str) -> bool:
    """Return whether a client's address is loopback."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if found.version == 6 else None
    return (mapped or found).is_loopback


def is_single_label_host(host: str) -> bool:
    """Return whether a `Host` is an address or a name without a dot: not another site's."""
    name = _hostname(host)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and "." not in name.removesuffix(".localhost")
    return True


def same_origin(origin: Origin, headers: _Headers) -> bool:
    """Return whether the browser states that our own page sent a request; False without a statement."""
    site = _first(headers, b"sec-fetch-site")
    if site:
        return site == "same-origin"
    sender = _first(headers, b"origin")
    if not sender:
        return False
    scheme, usual = ("https", 443) if origin.secure else ("http", 80)
    try:
        found, ours = urlsplit(sender), urlsplit(f"//{origin.host}")
        there, here = (found.hostname, found.port or usual), (ours.hostname, ours.port or usual)
    except ValueError:
        return False
    return found.scheme == scheme and there == here


def _hostname(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _first(headers: _Headers, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
