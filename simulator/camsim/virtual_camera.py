"""One camera's life: its next messages, given the changes it went through. No clock, no socket.

A camera runs while no effect holds its power off, and is reachable while none cuts its network. Each boot
counts its heartbeats from 0. Times are seconds since the fleet connected; only `payloads_until` takes the
time of the wall clock, for the heartbeats' `ts`.
"""

from __future__ import annotations

import heapq
from itertools import count
from math import inf
from typing import Any, NamedTuple, TypeVar

from camsim.device import JITTER, Device
from camsim.faults import (
    Change,
    ClockWrong,
    Delay,
    Duplicate,
    Effect,
    FieldOverride,
    Install,
    Jitter,
    Lag,
    Loss,
    MalformedPayload,
    Moment,
    NetworkCut,
    PowerOff,
    Reorder,
    SpoofedMessage,
    StorageFills,
)
from camwatch.wire.heartbeat import MAX_PAYLOAD_BYTES, encode_heartbeat

_NO_POWER_YET = "uncommissioned"
_NOT_YET = inf
_OVERTAKEN_S = 0.001  # after the heartbeat that overtakes it
_TWICE_S = 0.02
_OLD_S = 3600.0
_LOOK_BACK = 64  # heartbeats that are searched for the last delivered one
_E = TypeVar("_E")


class Delivery(NamedTuple):
    """One heartbeat in transit: when it arrives, and whether it can be read."""

    at_s: float
    readable: bool


class VirtualCamera:
    """One camera, without power until `Moment.COMMISSION`."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.boot = -1
        self.booted_s = 0.0
        self.online_since_s = _NOT_YET  # when this boot connects first; its heartbeats count from then
        self.seq = 0  # of the next heartbeat
        self.back_s = 0.0  # when it connects again after it was cut off
        self.last_delivered_s: float | None = None  # arrival of its last heartbeat
        self.reconnect_count = 0  # how often it became reachable
        self.last_payload = b""
        self._holds: dict[str, Effect] = {_NO_POWER_YET: PowerOff()}
        self._firmware: dict[str, str] = {}
        self._in_transit: list[tuple[float, int, bytes]] = []
        self._number = count()

    @property
    def commissioned(self) -> bool:
        """Whether it has been commissioned."""
        return _NO_POWER_YET not in self._holds

    @property
    def powered(self) -> bool:
        """Whether it has power."""
        return not self._any(PowerOff)

    @property
    def deliverable(self) -> bool:
        """Whether its packets reach the broker."""
        return not self._any(NetworkCut)

    @property
    def reachable(self) -> bool:
        """Whether it has power and network."""
        return self.powered and self.deliverable

    def apply(self, change: Change, reason: str, now_s: float) -> None:
        """Apply a change now; an effect lasts until `END_EFFECT` with the same reason."""
        match change:
            case Effect():
                self._hold(reason, change, now_s)
            case Moment.END_EFFECT:
                self._release(reason, now_s)
            case Moment.COMMISSION:
                self._release(_NO_POWER_YET, now_s)
            case Install(version):
                self._firmware = {"firmware": version}

    def _hold(self, reason: str, effect: Effect, now_s: float) -> None:
        self.catch_up(now_s)
        self._holds[reason] = effect
        if not self.reachable:
            self.online_since_s = self.online_since_s if self.powered else _NOT_YET
            self._in_transit.clear()

    def _release(self, reason: str, now_s: float) -> None:
        """End an effect. Power that returns means a new boot; network does not."""
        self.catch_up(now_s)
        had_power, was_reachable = self.powered, self.reachable
        self._holds.pop(reason, None)
        if self.powered and not had_power:
            self.boot += 1
            self.booted_s = now_s
            self.seq = 0
            self.online_since_s = _NOT_YET
        if self.reachable and not was_reachable:
            self._come_back(now_s)

    def _come_back(self, now_s: float) -> None:
        pause_s = self.device.pause_s(self.boot, self.reconnect_count) if self.reconnect_count else 0.0
        self.back_s = now_s + pause_s
        self.reconnect_count += 1
        if self.online_since_s == _NOT_YET:
            self.online_since_s = self.back_s
        else:  # it kept counting while disconnected
            self.seq = max(self.seq, self._next_seq(self.back_s))

    @property
    def lag(self) -> Lag | None:
        """The lag of its path, if it has one."""
        return next(iter(self._all(Lag)), None) if self._holds else None

    def due_s(self) -> float | None:
        """Return when its next message is due; None while it is not reachable."""
        if not self.reachable:
            return None
        due = self._due(self.seq)
        return min(due, self._in_transit[0][0]) if self._in_transit else due

    def payloads_until(self, now_s: float, utc_s: float) -> list[bytes]:
        """Return the payloads of all heartbeats that arrive by now, in order."""
        if not self.reachable:
            return []
        undisturbed = not self._holds and not self._in_transit
        arrived = []
        while (due := self._due(self.seq)) <= now_s:
            payload = self._payload(now_s, utc_s - (now_s - due), due)
            if undisturbed:
                arrived.append(payload)
            else:
                self._send(payload)
            self.seq += 1
        while self._in_transit and self._in_transit[0][0] <= now_s:
            arrived.append(heapq.heappop(self._in_transit)[2])
        return arrived

    def _send(self, payload: bytes) -> None:
        for delivery in self.deliveries(self.seq):
            arrives = payload if delivery.readable else self._nonsense(payload, self.seq)
            heapq.heappush(self._in_transit, (delivery.at_s, next(self._number), arrives))

    def skip(self, now_s: float) -> None:
        """Skip heartbeats due before now, when the camera was disconnected."""
        if self.online_since_s <= now_s:
            self.seq = max(self.seq, self._next_seq(now_s))
        self._in_transit.clear()

    def deliveries(self, seq: int) -> list[Delivery]:
        """Return the deliveries of a heartbeat under the present effects: none, one or two."""
        due, comes = self._due(seq), 1.0
        for loss in self._all(Loss):
            comes *= 1 - loss.share
        if self._draw("loss", seq) >= comes:
            return []
        readable = all(
            self._draw("nonsense", seq, n.oversized) >= n.share for n in self._all(MalformedPayload)
        )
        at = due + sum(d.by_s + d.plus_s * self._draw("delay", seq) for d in self._all(Delay))
        if any(self._draw("reorder", seq) < reorder.share for reorder in self._all(Reorder)):
            at = max(at, self._due(seq + 1) + _OVERTAKEN_S)
        found = [Delivery(at, readable)]
        if any(self._draw("twice", seq) < twice.share for twice in self._all(Duplicate)):
            found.append(Delivery(at + _TWICE_S, readable))
        return found

    def spoofed_payload(self, spoofed: SpoofedMessage, now_s: float, utc_s: float) -> bytes:
        """Return a heartbeat in its name that it did not send: invented, old, or its last one again."""
        if spoofed.kind == "spoof":  # as if overheard: the next number
            uptime_s = max(0.0, now_s - self.booted_s)
            return encode_heartbeat(self.device.heartbeat(self.seq + spoofed.number, uptime_s, utc_s))
        if self.last_payload and (spoofed.kind == "retained" or spoofed.number % 2 == 0):
            return self.last_payload
        past_s = utc_s - _OLD_S - spoofed.number
        return encode_heartbeat(self.device.heartbeat(spoofed.number, _OLD_S, past_s))

    def catch_up(self, now_s: float) -> None:
        """Update `last_delivered_s` under the present effects; only readable heartbeats count."""
        if not self.reachable or self.back_s > now_s:
            return
        self.last_delivered_s = max(self.back_s, self.last_delivered_s or 0.0)
        last = self._next_seq(now_s) - 1
        for seq in range(last, max(-1, last - _LOOK_BACK), -1):
            if self._due(seq) < self.back_s:
                break
            heard = [each.at_s for each in self.deliveries(seq) if each.readable and each.at_s <= now_s]
            self.last_delivered_s = max([self.last_delivered_s, *heard])
            if heard and not self._any(Delay) and not self._any(Reorder):
                break

    def _due(self, seq: int) -> float:
        return self.online_since_s + self.device.due_s(self.boot, seq, self._jitter())

    def _next_seq(self, after_s: float) -> int:
        return self.device.next_seq(self.boot, after_s - self.online_since_s, self._jitter())

    def _jitter(self) -> float:
        if not self._holds:
            return JITTER
        return max((jitter.share for jitter in self._all(Jitter)), default=JITTER)

    def _payload(self, now_s: float, utc_s: float, due_s: float) -> bytes:
        fields: dict[str, Any] = dict(self._firmware)
        wrong = 0.0
        for effect in self._holds.values():
            match effect:
                case FieldOverride(said):
                    fields |= said
                case StorageFills(since_s, within_s, to):
                    fields["storage_used_ratio"] = round(to * min(1.0, (now_s - since_s) / within_s), 4)
                case ClockWrong():
                    wrong += effect.error_s(now_s)
        heartbeat = self.device.heartbeat(self.seq, due_s - self.booted_s, utc_s + wrong, **fields)
        self.last_payload = encode_heartbeat(heartbeat)
        return self.last_payload

    def _nonsense(self, payload: bytes, seq: int) -> bytes:
        """Return an unreadable payload: too large, truncated, not JSON, or not an object."""
        large = (malformed.share for malformed in self._all(MalformedPayload) if malformed.oversized)
        if self._draw("nonsense", seq, True) < max(large, default=0.0):
            return payload[:-1] + b',"note":"' + b"x" * MAX_PAYLOAD_BYTES + b'"}'
        kinds = (payload[: len(payload) // 2], b"\xff\xfe" + payload, b"[]", b'"fps"')
        return kinds[int(self._draw("kind", seq) * len(kinds))]

    def _draw(self, name: str, seq: int, *more: object) -> float:
        return self.device.draw(name, self.boot, seq, *more)

    def _any(self, kind: type[object]) -> bool:
        return any(isinstance(effect, kind) for effect in self._holds.values())

    def _all(self, kind: type[_E]) -> list[_E]:
        return [effect for effect in self._holds.values() if isinstance(effect, kind)]
