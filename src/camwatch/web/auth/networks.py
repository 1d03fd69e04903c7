"""The networks that count as one client: an IPv4 address, or the IPv6 prefixes given to one customer."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

_WIDER = ((64, 1), (56, 2), (48, 4))


@lru_cache(maxsize=1024)
def networks(address: str) -> tuple[tuple[str, int], ...]:
    """Return the networks that an address counts for, narrowest first, each with a factor for its limit.

    For IPv6 these are /64, /56 and /48.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ((address, 1),)
    if found.version == 4 or found.ipv4_mapped is not None:
        return ((str(found if found.version == 4 else found.ipv4_mapped), 1),)
    return tuple((str(ipaddress.ip_network((found, bits), strict=False)), more) for bits, more in _WIDER)
