"""What both links share: keep one session up, watch for silence, back off, tell the receiver.

One `Connection` is one attempt: it opens, lives and closes once. The `Supervisor` makes them one after
another until it is stopped, and is the only one to say `lost` and to decide that silence is loss.
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
from camwatch.ingest.canary import Canary, forms
from camwatch.ingest.link import Clock, LinkSettings, Receiver

Uniform: TypeAlias = Callable[[float, float], float]
"""Draws a number between two: `random.uniform`, unless a test wants to know what was drawn."""

ASKS_WHILE_DOUBTED = 8
"""How often the broker is asked within `ping_after_s` while it is doubted that all comes in time."""

KEEP_ALIVE_SHARE = 0.8
"""A ping goes out after this share of the keep-alive, to be on the wire before the whole of it is over."""


class Connection(Protocol):
    """One attempt at a session with the broker."""

    last_packet: Instant
    """When the last packet came from the broker whole (rule S14)."""

    keep_alive_s: float
    """Ask at least this often, in seconds; infinite if that is seen to elsewhere."""

    last_message: Instant
    """When the last message came."""

    subscribed: bool
    """Whether the receiver was told that sight began."""

    canary: Canary | None
    """What proves delivery, once subscribed; None where nothing shall."""

    ended: asyncio.Future[LinkError]
    """Done once the connection is over, with the reason."""

    async def open(self) -> None:
        """Connect and subscribe; return when every topic filter is granted. Raises LinkError."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message of our own, QoS 1; does not wait."""

    def timeout_error(self) -> LinkError:
        """Return what to say when `open` takes longer than it may."""

    def ping(self) -> None:
        """Send the broker something that it must answer; does not wait."""

    def abort(self) -> None:
        """Drop the connection now; nothing is handed over any more."""

    async def close(self) -> None:
        """Say goodbye if that still makes sense, and release everything; always called, quick."""


class SubscriptionReporter:
    """What concerns a subscription, for all connections of a link and the same for both kinds."""

    def __init__(self, settings: LinkSettings, receiver: Receiver, clock: Clock) -> None:
        self._settings = settings
        self._receiver = receiver
        self._clock = clock
        self._said: set[str] = set()
        self._forms = forms(settings)
        self._form = 0

    @property
    def settings(self) -> LinkSettings:
        """The settings for the next connection: which form of the subscription, which others to drop."""
        form = self._forms[self._form]
        dropped = tuple(pattern for other in self._forms if other is not form for pattern in other)
        return replace(self._settings, filters=form, dropped=dropped)

    def answered(
        self, connection: Connection, codes: Sequence[int], now: Instant, *, session_present: bool
    ) -> LinkError | None:
        """Take a SUBACK: sight begins, or a canary flies that begins it, or the refusal is returned."""
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
    """Keeps a session up: `run` it as a task, `stop` it to say goodbye. Each kind of link is one."""

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
        """Disconnect cleanly (the broker keeps the session) and let `run` return.

        The loss of sight that this is, is not told.
        """
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
        """Live through one session, to its failure; return whether it had sight."""
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
        """Close to the end, also when stopped or cancelled meanwhile: half closed, it would leak."""
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
        except Exception as error:  # noqa: BLE001 - a bug in a library must not blind us for good
            problem = f"unexpected {type(error).__name__}: {error}"
            return LinkError(self._settings.name, problem, "please report this; camwatch tries again")

    async def _open(self, connection: Connection) -> None:
        """Open the connection, for as long as packets come less than `connect_timeout_s` apart.

        What was kept for us may come before the answers to our packets, and take long on a thin line.
        Raises LinkError, and TimeoutError.
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
        """Let a canary fly, if there is one."""
        if canary is None:
            yield
            return
        flying = asyncio.create_task(canary.run(), name=f"link {self._settings.name}: canary")
        try:
            yield
        finally:
            flying.cancel()
            await asyncio.wait({flying})

    async def _watch(self, connection: Connection) -> LinkError:
        """Ask the broker when it falls silent (rule S10) and at least each keep-alive."""
        patience = self._settings.ping_after_s
        keep_alive = connection.keep_alive_s * KEEP_ALIVE_SHARE
        sent = self._clock().mono
        asked: float | None = None  # since when a question waits for any packet as its answer
        if self._receiver.doubted:
            connection.ping()  # the link is blind until the answer comes, behind all that the broker kept
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
            if now < due:  # the loop's timer may run a hair early
                continue
            if asked is not None and now >= asked + patience:
                if now - (asked + patience) <= patience / 4:
                    return link_errors.silent(self._settings)
                asked = now  # woken late, we did not wait for an answer but slept through it: ask anew
            elif asked is None and now - connection.last_packet.mono >= patience:
                asked = now
            elif now - sent < min(often, keep_alive):
                continue
            connection.ping()
            sent = now


def backoff(settings: LinkSettings, failures: int, uniform: Uniform) -> float:
    """Return the seconds to wait after so many failures in a row: full jitter below a doubling cap.

    Between 0 and min(`reconnect_max_s`, `reconnect_min_s` times 2 to the power of `failures`), so that
    daemons which lost the same broker do not come back to it at the same instant.
    """
    doublings = min(failures, 60)  # beyond that, the cap holds anyway
    return uniform(0.0, min(settings.reconnect_max_s, settings.reconnect_min_s * 2.0**doublings))
