"""Passwords and tokens: made, hashed by Argon2id, and held against hashes without holding up the loop.

The cost of a hash is chosen so that guessing is dear (32 MiB and some 50 ms each) and so that logging in
takes no core from the heartbeats for long: one lane, one hash at a time, a queue that is refused when long.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_MIN = 12
"""The least number of characters of a password."""
PASSWORD_MAX = 1024
"""The most bytes of a password that anybody hashes."""
_PREFIX = "cw"
_MOST_COST_KIB = 1 << 20  # of a hash in the file: beyond it, one login would take the machine's memory
_WAITING = 16

_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, type=Type.ID)


class Token(NamedTuple):
    """An API token as its holder writes it: `cw_ID_SECRET`."""

    id: str
    secret: str

    def __str__(self) -> str:
        """Return what the holder is told, once."""
        return f"{_PREFIX}_{self.id}_{self.secret}"


def new_token() -> Token:
    """Draw a token: 256 random bits, and an id by which people know it."""
    return Token(secrets.token_hex(4), secrets.token_urlsafe(32))


def read_token(text: str) -> Token | None:
    """Return the parts of a token; None for what is none."""
    prefix, _, rest = text.partition("_")
    name, _, secret = rest.partition("_")
    if prefix != _PREFIX or len(name) != 8 or len(secret) != 43 or not text.isascii():
        return None
    return Token(name, secret)


def hash_secret(secret: str) -> str:
    """Return the Argon2id hash of a password or a token, to be kept."""
    return _hasher.hash(secret)


def hash_problem(text: str) -> str | None:
    """Return why a text is no hash that camwatch holds secrets against; None if it is one."""
    try:
        found = extract_parameters(text)
    except InvalidHashError:
        return "is no Argon2 hash: make the account anew with `camwatch accounts add`"
    if found.type is not Type.ID:
        return "is no Argon2id hash: make the account anew with `camwatch accounts add`"
    if found.memory_cost > _MOST_COST_KIB or found.time_cost > 100:
        return (
            "is a hash that takes too much memory or time: make the account anew with `camwatch accounts add`"
        )
    return None


def password_problem(password: str, name: str) -> str | None:
    """Return why nobody should have this password; None if it will do."""
    if len(password) < PASSWORD_MIN:
        return f"is too short: take {PASSWORD_MIN} characters or more, some words together do well"
    if len(password.encode()) > PASSWORD_MAX:
        return f"is too long: take {PASSWORD_MAX} bytes at most"
    if name.lower() in password.lower() and len(name) * 2 > len(password):
        return "is little more than the name: take another"
    if len(set(password)) < 5:
        return "has too few different characters: take another"
    return None


class TooBusyError(Exception):
    """So many secrets wait to be verified that one more would wait too long."""


class PasswordVerifier:
    """Holds secrets against hashes in one thread, one after another; `close` it at the end."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="secrets")
        self._waiting = 0

    async def verify(self, kept: str | None, secret: str) -> bool:
        """Tell whether a secret is the one of a hash. Without a hash it takes as long, and says no.

        Raises BusyError.
        """
        if self._waiting >= _WAITING:
            raise TooBusyError
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, _matches, kept, secret)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Take no more work."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _matches(kept: str | None, secret: str) -> bool:
    if len(secret.encode("utf-8", "surrogatepass")) > PASSWORD_MAX:
        kept, secret = None, ""
    try:
        _hasher.verify(kept or _dummy_hash(), secret.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    return hash_secret(secrets.token_urlsafe(32))


def constant_time_equals(one: str, other: str) -> bool:
    """Compare two secrets in a time that tells nothing of where they differ."""
    return hmac.compare_digest(sha256(one), sha256(other))


def sha256(secret: str) -> bytes:
    """Return the SHA-256 of a secret, to find again what was verified before."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
