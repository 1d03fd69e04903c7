"""Passwords and tokens: generated, hashed with Argon2id, and verified in a thread.

A hash costs 32 MiB and some 50 ms, so that guessing is expensive; one hash is computed at a time and the
queue is bounded, so that logins do not take a core from the heartbeats.
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
"""Minimum length of a password, characters."""
PASSWORD_MAX = 1024
"""Maximum length of a password, bytes."""
_PREFIX = "cw"
_MOST_COST_KIB = 1 << 20  # of a hash in the file: beyond it, one login would take the machine's memory
_WAITING = 16

_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1, type=Type.ID)


class Token(NamedTuple):
    """An API token, in text `cw_ID_SECRET`."""

    id: str
    secret: str

    def __str__(self) -> str:
        """Return the text of the token."""
        return f"{_PREFIX}_{self.id}_{self.secret}"


def new_token() -> Token:
    """Return a new random token: a secret of 256 bits, and an id."""
    return Token(secrets.token_hex(4), secrets.token_urlsafe(32))


def read_token(text: str) -> Token | None:
    """Parse a token; None if it is not one."""
    prefix, _, rest = text.partition("_")
    name, _, secret = rest.partition("_")
    if prefix != _PREFIX or len(name) != 8 or len(secret) != 43 or not text.isascii():
        return None
    return Token(name, secret)


def hash_secret(secret: str) -> str:
    """Return the Argon2id hash of a password or a token's secret."""
    return _hasher.hash(secret)


def hash_problem(text: str) -> str | None:
    """Return why a text is not a usable hash; None if it is."""
    try:
        found = extract_parameters(text)
    except InvalidHashError:
        return "is not an Argon2 hash: create the account again with `camwatch accounts add`"
    if found.type is not Type.ID:
        return "is not an Argon2id hash: create the account again with `camwatch accounts add`"
    if found.memory_cost > _MOST_COST_KIB or found.time_cost > 100:
        return (
            "is a hash that takes too much memory or time: create the account again with "
            "`camwatch accounts add`"
        )
    return None


def password_problem(password: str, name: str) -> str | None:
    """Return why a password is too weak; None if it is not."""
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
    """The queue of secrets to verify is full."""


class PasswordVerifier:
    """Verifies secrets against hashes, one at a time, in a thread. `close` it at the end."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="secrets")
        self._waiting = 0

    async def verify(self, kept: str | None, secret: str) -> bool:
        """Return whether a secret has this hash; without a hash False, after the same time.

        Raises TooBusyError.
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
        """Cancel what waits."""
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
    """Compare two secrets in constant time."""
    return hmac.compare_digest(sha256(one), sha256(other))


def sha256(secret: str) -> bytes:
    """Return the SHA-256 of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
