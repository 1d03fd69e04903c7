"""Where a request comes from: the client's address, whether TLS carried it, the host that was asked for.

A proxy's word for these, and for who somebody is, counts from the addresses that settings list, and is taken
out of every other request before anybody can believe it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded", "x-real-ip")

_HOPS = 20  # so many proxies in a row are looked at

_Headers = list[tuple[bytes, bytes]]


class Origin(NamedTuple):
    """Where a request comes from.

    `person` is the name that a trusted proxy vouches for; `proxied` tells whether anything says that a proxy
    passed it on, trusted or not; `lost` that a trusted one did, and named no address that can be read.
    """

    address: str
    secure: bool
    host: str
    remote_user: str | None
    via_proxy: bool
    lost: bool = False


class TrustedProxies:
    """The proxies that are believed; none, usually."""

    def __init__(
        self, addresses: Iterable[str] = (), person_header: str | None = None, *, names_host: bool = False
    ) -> None:
        self._networks = tuple(ipaddress.ip_network(text) for text in addresses)
        self._person = person_header.lower() if person_header else None
        self._names_host = names_host

    def resolve(self, peer: str, *, secure: bool, headers: _Headers) -> tuple[Origin, _Headers]:
        """Return where a request comes from, and its headers without those that only a proxy may set.

        Raises ValueError where a trusted proxy contradicts itself.
        """
        told: dict[str, list[str]] = {}
        kept: _Headers = []
        for raw, value in headers:
            name = raw.decode("latin-1").lower()
            # An underscore passes for a hyphen in some servers; here neither is let through.
            plain = name.replace("_", "-")
            if plain in _FORWARDED or plain == self._person:
                told.setdefault(name, []).append(value.decode("latin-1").strip())
            else:
                kept.append((raw, value))
        host = _first(kept, b"host")
        if not self.trust(peer):
            return Origin(peer, secure, host, None, bool(told)), kept
        hosts = told.get("x-forwarded-host")
        if hosts and self._names_host:
            host = hosts[-1]
            kept = [(name, value) for name, value in kept if name.lower() != b"host"]
            kept.append((b"host", host.encode("latin-1")))
        proto = told.get("x-forwarded-proto", [])
        address = self._client(told.get("x-forwarded-for", []))
        origin = Origin(
            address=address or peer,
            secure=proto[-1].lower() == "https" if proto else secure,
            host=host,
            remote_user=self._vouched(told),
            via_proxy=True,
            lost=address is None,
        )
        return origin, kept

    def _vouched(self, told: dict[str, list[str]]) -> str | None:
        names = told.get(self._person, []) if self._person else []
        if len(set(names)) > 1:
            raise ValueError("the proxy names two people at once")
        return names[0] or None if names else None

    def _client(self, forwarded: list[str]) -> str | None:
        """Return the last address that no trusted proxy has: what stands before it anybody can write."""
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
        """Tell whether an address is a proxy's that is believed."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = found.ipv4_mapped if found.version == 6 else None
        return any((mapped or found) in network for network in self._networks)


def _without_port(text: str) -> str:
    """Return an address that may stand with its port, as some proxies write it."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def is_local(host: str) -> bool:
    """Tell whether a `Host` is a loopback address or name, which no other site's name can be made into."""
    name = _hostname(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def is_local_address(address: str) -> bool:
    """Tell whether a client's address is of this machine."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if found.version == 6 else None
    return (mapped or found).is_loopback


def is_single_label_host(host: str) -> bool:
    """Tell whether a `Host` is an address, or a name without a dot: no name of another site."""
    name = _hostname(host)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and "." not in name.removesuffix(".localhost")
    return True


def same_origin(origin: Origin, headers: _Headers) -> bool:
    """Tell whether a page of ours sent a request, by what the browser says; who says nothing is refused."""
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
