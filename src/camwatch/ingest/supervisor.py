"""What both kinds of link share: keep one session up, detect silence, back off, call the receiver.

A `Connection` is one attempt: it opens, lives and closes once. The `Supervisor` makes one after another until
it is stopped. It alone calls `lost` and decides that silence is loss.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from camwatch.core.model import Instant
from camwatch.errors import LinkError
from camwatch.ingest import link_errors
from camwatch.ingest.canary import Canary, CanaryConnection, forms
from camwatch.ingest.link import Clock, LinkSettings, Receiver

Uniform: TypeAlias = Callable[[float, float], float]
"""Returns a random number between two: `random.uniform`, except in tests."""

ASKS_WHILE_DOUBTED = 8
"""How often the broker is asked within `ping_after_s` while messages may be out of date."""

KEEP_ALIVE_SHARE = 0.8
"""The share of the keep-alive after which a ping is sent, so that it arrives in time."""


class Connection(CanaryConnection, Protocol):
    """One attempt at a session with the broker."""

    keep_alive_s: float
    """Ask at least this often, in seconds; infinite if the library does."""

    canary: Canary | None
    """The canary, once subscribed; None without one."""

    async def open(self) -> None:
        """Connect and subscribe; return when every topic filter is granted. Raises LinkError."""

    def timeout_error(self) -> LinkError:
        """Return the error for an `open` that takes too long."""

    def ping(self) -> None:
        """Send a packet that the broker must answer, without waiting."""

    def abort(self) -> None:
        """Drop the connection now; no more messages are delivered."""

    async def close(self) -> None:
        """Disconnect if still connected, and release everything; always called, and quick."""


class SubscriptionReporter:
    """Handles the subscriptions of all connections of a link, of either kind."""

    def __init__(self, settings: LinkSettings, receiver: Receiver, clock: Clock) -> None:
        self._settings = settings
        self._receiver = receiver
        self._clock = clock
        self._said: set[str] = set()
        self._forms = forms(settings)
        self._form = 0

    @property
    def settings(self) -> LinkSettings:
        """The settings of the next connection, with its form of the subscription and the filters to drop."""
        form = self._forms[self._form]
        dropped = tuple(pattern for other in self._forms if other is not form for pattern in other)
        return replace(self._settings, filters=form, dropped=dropped)

    def answered(
        self, connection: Connection, codes: Sequence[int], now: Instant, *, session_present: bool
    ) -> LinkError | None:
        """Handle a SUBACK: the link is visible, or a canary starts; return the error if it is a refusal."""
        settings = self.settings
        refusal = link_errors.subscription_refused(settings, codes)
        if refusal is not None:
            self._form = 0
            return refusal

        def sight(now: Instant) -> None:
            connection.subscribed = True
            self._receiver.subscribed(now, session_present=session_present)
            self._say_once(link_errors.qos_downgraded(settings, codes))

        if settings.canary is None:
            sight(now)
        else:
            connection.canary = Canary(
                settings,
                settings.canary,
                self._receiver,
                self._clock,
                connection,
                sight,
                self._try_another_form,
            )
            connection.canary.start()
        return None

    def _try_another_form(self) -> None:
        self._form = (self._form + 1) % len(self._forms)

    def _say_once(self, weaker: str | None) -> None:
        if weaker is not None and weaker not in self._said:
            self._said.add(weaker)
            self._receiver.warn(weaker)


class Supervisor:
    """A link: keeps a session up. Run `run` as a task; `stop` disconnects cleanly."""

    def __init__(
        self,
        settings: LinkSettings,
        receiver: Receiver,
        clock: Clock,
        connect: Callable[[], Connection],
        uniform: Uniform,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._receiver = receiver
        self._clock = clock
        self._connect = connect
        self._uniform = uniform
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the session up until `stop` is called or the task is cancelled."""
        if self._stopped:
            return
        # An inner task, so that `stop` can interrupt any wait without cancelling the caller's task.
        task = self._task = asyncio.create_task(
            self._run_sessions(), name=f"link {self._settings.name}: session"
        )
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
            await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    async def stop(self) -> None:
        """Disconnect cleanly (the broker keeps the session) and let `run` return, without calling `lost`."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run_sessions(self) -> None:
        failures = 0
        while True:
            if await self._session():
                failures = 0
            await asyncio.sleep(backoff(self._settings, failures, self._uniform))
            failures += 1

    async def _session(self) -> bool:
        """Run one session until it fails; return whether it was visible."""
        connection = self._connect()
        try:
            problem = link_errors.describe(await self._failure_of(connection))
            connection.abort()
            if connection.subscribed:
                last = connection.last_packet if connection.canary is None else connection.last_message
                self._receiver.lost(self._clock(), last, problem)
            self._receiver.warn(problem)
        finally:
            await self._close(connection)
        return connection.subscribed

    async def _close(self, connection: Connection) -> None:
        """Close completely even if stopped or cancelled meanwhile: a half-closed connection would leak."""
        closing = asyncio.create_task(connection.close(), name=f"link {self._settings.name}: close")
        cancelled = False
        while not closing.done():
            try:
                await asyncio.wait({closing})
            except asyncio.CancelledError:
                cancelled = True
        closing.result()
        if cancelled:
            raise asyncio.CancelledError

    async def _failure_of(self, connection: Connection) -> LinkError:
        try:
            await self._open(connection)
            async with self._canary_running(connection.canary):
                return await self._watch(connection)
        except LinkError as error:
            return error
        except TimeoutError:
            return connection.timeout_error()
        except Exception as error:  # noqa: BLE001 - a bug in a library must not end the link
            problem = f"unexpected {type(error).__name__}: {error}"
            return LinkError(self._settings.name, problem, "please report this; camwatch retries")

    async def _open(self, connection: Connection) -> None:
        """Open the connection, while packets come less than `connect_timeout_s` apart.

        Messages that the broker kept may come before the answers to our packets, and take long.
        Raises LinkError and TimeoutError.
        """
        opening = asyncio.create_task(connection.open(), name=f"link {self._settings.name}: open")
        try:
            while not opening.done():
                due = connection.last_packet.mono + self._settings.connect_timeout_s
                left = due - self._clock().mono
                if left <= 0:
                    raise TimeoutError
                await asyncio.wait({opening}, timeout=left)
        finally:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
        opening.result()

    @contextlib.asynccontextmanager
    async def _canary_running(self, canary: Canary | None) -> AsyncIterator[None]:
        """Run the canary, if there is one."""
        if canary is None:
            yield
            return
        running = asyncio.create_task(canary.run(), name=f"link {self._settings.name}: canary")
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait({running})

    async def _watch(self, connection: Connection) -> LinkError:
        """Ask the broker when it is silent (rule S10) and in each keep-alive; return the session's error."""
        patience = self._settings.ping_after_s
        keep_alive = connection.keep_alive_s * KEEP_ALIVE_SHARE
        sent = self._clock().mono
        asked: float | None = None  # monotonic: since when a question waits for any packet as its answer
        if self._receiver.doubted:
            connection.ping()  # the link is blind until the answer comes, after all that the broker kept
        while True:
            silent_since = connection.last_packet.mono if asked is None else asked
            often = patience / ASKS_WHILE_DOUBTED if self._receiver.doubted else keep_alive
            due = min(silent_since + patience, sent + min(often, keep_alive))
            done, _ = await asyncio.wait({connection.ended}, timeout=max(0.0, due - self._clock().mono))
            if done:
                return connection.ended.result()
            now = self._clock().mono
            if asked is not None and connection.last_packet.mono >= asked:
                asked = None
            if now < due:  # the loop's timer may fire slightly early
                continue
            if asked is not None and now >= asked + patience:
                if now - (asked + patience) <= patience / 4:
                    return link_errors.silent(self._settings)
                asked = now  # woken late: we were suspended rather than waiting, so ask again
            elif asked is None and now - connection.last_packet.mono >= patience:
                asked = now
            elif now - sent < min(often, keep_alive):
                continue
            connection.ping()
            sent = now


def backoff(settings: LinkSettings, failures: int, uniform: Uniform) -> float:
    """Return the seconds to wait after consecutive failures: full jitter below a doubling cap.

    Between 0 and min(`reconnect_max_s`, `reconnect_min_s` times 2 to the power of `failures`), so that
    daemons that lost the same broker do not reconnect at the same instant.
    """
    doublings = min(failures, 60)  # beyond that, the cap applies anyway
    return uniform(0.0, min(settings.reconnect_max_s, settings.reconnect_min_s * 2.0**doublings))
