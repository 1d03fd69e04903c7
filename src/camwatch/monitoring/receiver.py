"""Receives the messages of a link: decodes them and passes them to the core, or rejects them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import structlog

from camwatch.core.message_budget import MessageBudget
from camwatch.core.model import Instant
from camwatch.core.monitor import FleetMonitor
from camwatch.core.state import CameraState, LinkState
from camwatch.core.telemetry import RejectionReason
from camwatch.errors import RejectReason, WireError
from camwatch.rejections import Rejections
from camwatch.settings import Settings
from camwatch.wire.heartbeat import PartialHeartbeatError, decode_heartbeat, decode_status
from camwatch.wire.topics import parse_topic

_REASONS = {refusal: RejectReason(refusal.value) for refusal in RejectionReason}

_FAILURES_LOGGED = 10
"""The most different bugs of ours that a link logs with a traceback."""

_log = structlog.get_logger("watch")


@dataclass(slots=True)
class RoundTrips:
    """Histogram of the round trips of a link's canaries; the last count is +Inf (rule S12)."""

    bounds: ClassVar = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
    counts: list[int] = field(default_factory=lambda: [0] * (len(RoundTrips.bounds) + 1))
    total_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one round trip."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total_s += seconds


@dataclass(slots=True)
class LinkReport:
    """What is reported of a link; `problem` is why it is not subscribed (None: it is)."""

    received: int = 0
    problem: str | None = "not connected yet"
    round_trips: RoundTrips | None = None  # of a link with a canary
    subscribed: float = 0.0  # monotonic: the last subscription


class Shared(NamedTuple):
    """What the receivers of all links share.

    `heartbeat_topics` and `status_topics` change with the inventory. `resumed_ms` is by link until when an
    earlier process recorded it, UTC milliseconds. `flush_events` passes on the core's new events.
    """

    settings: Settings
    fleet: FleetMonitor
    rejections: Rejections
    budget: MessageBudget
    clock: Callable[[], Instant]
    heartbeat_topics: Mapping[str, CameraState]
    status_topics: Mapping[str, CameraState]
    resumed_ms: Mapping[str, int]
    flush_events: Callable[[], None]


class LinkReceiver:
    """Receives the messages of one link; implements `ingest.link.Receiver`.

    Messages of a camera beyond its `budget` are rejected without decoding.
    """

    def __init__(self, shared: Shared, link: LinkState, report: LinkReport) -> None:
        self._shared = shared
        self._watch = shared.fleet
        self._observe = shared.fleet.heartbeat
        self._charge = shared.budget.charge
        self._camera_at = shared.heartbeat_topics.get
        self._link = link
        self._report = report
        self._now = shared.clock()
        self._aside: dict[str, Callable[[Instant, bytes], None]] = {}
        self._failures: set[str] = set()
        self._away_since_ms = shared.resumed_ms.get(link.name)
        self._expiry_ms = 1000 * next(
            (broker.session_expiry_s for broker in shared.settings.brokers if broker.name == link.name), 0
        )

    def packets_begin(self, now: Instant) -> None:
        """Packets arrived at `now`; the messages in them follow."""
        self._now = now
        self._watch.packets_arrived(self._link, now)

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        """Decode and judge one message."""
        try:
            self._report.received += 1
            camera = self._camera_at(topic)
            if camera is None:
                self._status_message(topic, payload, retained)
                return
            if retained:
                self._reject(RejectReason.RETAINED, camera.camera.id, topic)
                return
            if camera.heartbeats >= camera.budget and self._has_spent(camera, topic):
                return
            try:
                said = decode_heartbeat(payload, camera.firmware)
            except PartialHeartbeatError as partial:
                said = partial.heartbeat
                self._shared.rejections.record_dropped_field(camera.camera.id, partial.dropped, self._now)
            except WireError as error:
                self._charge(camera)
                self._reject(error.reason, camera.camera.id, topic, error.detail)
                return
            refusal = self._observe(camera, self._now, said)
            if refusal is not None:
                self._charge(camera)
                self._reject(_REASONS[refusal], camera.camera.id, topic)
        except Exception as error:  # noqa: BLE001 - a bug of ours must not end the link
            self._failed_to_judge(topic, error)

    def packets_end(self, now: Instant) -> None:
        """Note that all arrived messages were received."""
        self._watch.packets_taken(self._link, now)
        self._shared.flush_events()

    def subscribed(self, now: Instant, *, session_present: bool) -> None:
        """Note that the link is subscribed: visibility begins."""
        self._report.problem, self._report.subscribed = None, now.mono
        # With a canary, the backlog is over when the canary returns (rule S12).
        backlog = session_present and self._report.round_trips is None
        self._watch.link_up(self._link, now, backlog=backlog)
        _log.info("link subscribed", link=self._link.name, session_present=session_present)
        away_ms = None if self._away_since_ms is None else now.utc_ms - self._away_since_ms
        if not session_present and away_ms is not None and away_ms < self._expiry_ms:
            _log.warning("broker kept no session, messages sent meanwhile are lost", link=self._link.name)
        self._shared.flush_events()

    @property
    def doubted(self) -> bool:
        """Whether messages may be out of date (rules S10, S11)."""
        return self._link.catching_up or self._link.doubted

    def answered(self, now: Instant, asked: Instant) -> None:
        """Note that everything the broker sent before the question has arrived."""
        self._watch.link_answered(self._link, now, asked.mono)
        self._shared.flush_events()

    def set_aside(self, topic: str, take: Callable[[Instant, bytes], None]) -> None:
        """Pass messages on this topic, which is not a camera's, to `take`."""
        self._aside = {topic: take}

    def canary(self, now: Instant, sent: Instant) -> None:
        """Note that the canary sent at `sent` came back, after all earlier messages."""
        if self._report.round_trips is not None:
            self._report.round_trips.add(now.mono - sent.mono)
        self._watch.canary_returned(self._link, now, sent.mono)

    def lost(self, now: Instant, last_packet: Instant, problem: str) -> None:
        """Note that visibility ended with the last packet."""
        self._report.problem = problem
        self._away_since_ms = last_packet.utc_ms
        self._watch.link_down(self._link, now, last_packet)
        _log.error(
            "link lost",
            link=self._link.name,
            problem=problem,
            silent_s=round(now.mono - last_packet.mono, 3),
        )
        self._shared.flush_events()

    def warn(self, problem: str) -> None:
        """Log why there is no session; the same problem is logged only once."""
        if self._link.up:
            _log.warning("link impaired", link=self._link.name, problem=problem)
            return
        if problem != self._report.problem:
            _log.error("link not connected, retrying", link=self._link.name, problem=problem)
        self._report.problem = problem

    def _status_message(self, topic: str, payload: bytes, retained: bool) -> None:
        camera = self._shared.status_topics.get(topic)
        if camera is None:
            take = self._aside.get(topic)
            if take is None:
                self._unregistered(topic)
            else:
                take(self._now, payload)
            return
        if not payload:
            return  # how MQTT clears a retained message
        if not retained:
            if camera.heartbeats >= camera.budget and self._has_spent(camera, topic):
                return
            self._charge(camera)
        try:
            word = decode_status(payload)
        except WireError as error:
            self._reject(error.reason, camera.camera.id, topic, error.detail)
            return
        refusal = self._watch.status_message(camera, self._now, word, retained=retained)
        if refusal is not None:
            self._reject(_REASONS[refusal], camera.camera.id, topic)

    def _unregistered(self, topic: str) -> None:
        address = parse_topic(self._shared.settings.mqtt.topic_prefix, topic)
        if address is None:
            self._reject(RejectReason.UNKNOWN_TOPIC, topic[:200], topic)
        elif address.camera in self._shared.fleet.cameras:
            operator = self._shared.fleet.cameras[address.camera].camera.operator
            detail = f"its operator in the inventory is {operator}"
            self._reject(RejectReason.WRONG_OPERATOR, address.camera, topic, detail)
        else:
            detail = "add the camera to cameras.csv, or stop it"
            self._reject(RejectReason.UNREGISTERED, address.camera[:64], topic, detail)

    def _has_spent(self, camera: CameraState, topic: str) -> bool:
        """Reject a message beyond the camera's budget; messages that the broker kept are not limited."""
        budget, link = self._shared.budget, self._link
        if not budget.is_over(camera, self._now.mono, kept=link.catching_up or not link.up):
            return False
        detail = f"more than {budget.most} in {camera.interval_s:g} s: do two devices share this id?"
        self._reject(RejectReason.TOO_MANY, camera.camera.id, topic, detail)
        return True

    def _failed_to_judge(self, topic: str, error: Exception) -> None:
        """Log a bug of ours and continue: a persistent session would deliver the message again and again."""
        detail = f"camwatch failed to process it, please report this: {type(error).__name__}: {error}"
        if detail not in self._failures and len(self._failures) < _FAILURES_LOGGED:
            self._failures.add(detail)
            _log.error("message processing failed", link=self._link.name, topic=topic[:200], exc_info=error)
        camera = self._shared.heartbeat_topics.get(topic) or self._shared.status_topics.get(topic)
        who = topic[:200] if camera is None else camera.camera.id
        self._reject(RejectReason.MALFORMED, who, topic, detail)

    def _reject(self, reason: RejectReason, who: str, topic: str, detail: str = "") -> None:
        self._shared.rejections.record(reason, who, self._now, topic=topic[:200], detail=detail)
