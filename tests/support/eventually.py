"""The one way in which tests wait: look until something is so."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, overload

from tests.support.pace import PATIENCE_S

_T = TypeVar("_T")
_EVERY_S = 0.005


@overload
async def eventually(
    predicate: Callable[[], Coroutine[Any, Any, _T | None]],
    *,
    within_s: float = ...,
    every_s: float = ...,
    saw: Callable[[], object] = ...,
) -> _T: ...


@overload
async def eventually(
    predicate: Callable[[], _T | None],
    *,
    within_s: float = ...,
    every_s: float = ...,
    saw: Callable[[], object] = ...,
) -> _T: ...


async def eventually(
    predicate: Callable[[], object],
    *,
    within_s: float = PATIENCE_S,
    every_s: float = _EVERY_S,
    saw: Callable[[], object] = lambda: "",
) -> object:
    """Call `predicate` until it returns something true, and return that.

    Raises AssertionError after `within_s` seconds, with what it last returned and what `saw` returns then.
    """
    found: object = None
    try:
        async with asyncio.timeout(within_s):
            while True:
                found = predicate()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(every_s)
    except TimeoutError:
        raise AssertionError(_never(within_s, found, saw)) from None


def eventually_blocking(
    predicate: Callable[[], _T | None],
    *,
    within_s: float = PATIENCE_S,
    every_s: float = _EVERY_S,
    saw: Callable[[], object] = lambda: "",
) -> _T:
    """Do as `eventually` does, where there is no event loop."""
    deadline = time.monotonic() + within_s
    while not (found := predicate()):
        if time.monotonic() > deadline:
            raise AssertionError(_never(within_s, found, saw))
        time.sleep(every_s)
    return found


def _never(within_s: float, found: object, saw: Callable[[], object]) -> str:
    return f"not within {within_s:.0f} s; last {found!r} {saw()}"
