"""Random figures that depend on their name only, so that their order does not matter."""

from __future__ import annotations

from hashlib import blake2b


def uniform(seed: int, camera: str, *name: object) -> float:
    """Return a figure in [0, 1) that depends on the seed, the camera and the name only."""
    text = f"{seed}/{camera}/{name}".encode()
    return (int.from_bytes(blake2b(text, digest_size=8).digest()) >> 11) * 2.0**-53
