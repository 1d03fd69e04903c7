"""Reference model of how a heartbeat is classified, from its fields and those before it (L1, L6-L9).

Where the rules leave a verdict open (a counter that restarts, messages after a replayed boot), nothing is
expected and the daemon's verdict is adopted; but a live camera must not be refused for long.
"""

from __future__ import annotations

from tests.simulation.model.classifier_state import OFFSETS, ClassifierState
from tests.simulation.model.verdicts import (
    ANYTHING,
    CLOSE,
    CONTRADICTS,
    DUPLICATE,
    EVENT,
    LATE,
    PROOF,
    Expected,
    Fields,
    Received,
)
from tests.simulation.world.cameras import Message

REMEMBERED_NUMBERS = 64  # how far back a missed number is remembered
_COARSE_S = 1.1  # clocks may have whole seconds only


class ClassifierModel(ClassifierState):
    """Classifies one camera's heartbeats."""

    def expect(self, received: Received) -> Expected:
        """Return the expected verdict on a heartbeat."""
        sent = received.sent
        if sent.seq is None and sent.ts is None:
            return Expected(PROOF)
        if self.confused:
            return ANYTHING
        by_number = self._by_sequence(received)
        return by_number if by_number.verdict != PROOF else self._by_time(received)

    def lateness(self, received: Received) -> int:
        """Return by how much a heartbeat is late according to its `ts` (L7, L8)."""
        return (
            self._offset(received) - min(self.offsets) if received.sent.ts is not None and self.offsets else 0
        )

    def boot_evidence(self, received: Received) -> str:
        """Return whose boot it is: `new`, `same`, empty (not shown) or `?` (ambiguous) (E2, L6)."""
        sent = received.sent
        if self.confused:
            return "?"
        if self.boot == 0:
            return "" if sent.uptime_s is None else "?"
        if sent.uptime_s is None:
            if sent.seq is None:
                return ""
            if sent.boot != self.boot or self.refused_since is not None:
                return "?"  # numbers alone may continue those of the boot before
            return "same" if sent.seq > self.highest else "?" if sent.seq in (self.highest, 0) else ""
        if self.booted is None or self.last is None:
            return "?"
        if sent.uptime_s < self.uptime:
            return "new"
        assert sent.ts is not None
        later = sent.ts - sent.uptime_s - self.booted
        if later < -2:
            return "?"
        if later > 2:  # a clock that was set ahead looks the same
            return "new" if sent.seq is not None and sent.seq <= self.highest else "?"
        return "?" if later > 0.5 else "same"

    def record(self, received: Received, verdict: str, expected: Expected) -> None:
        """Record the verdict on a heartbeat."""
        self.contradictory = verdict != PROOF and (self.contradictory or expected.doubts)
        sent = received.sent
        fresh = (sent.boot, sent.seq) not in self.known_numbers
        late = self.lateness(received) > self.interval
        only = sent.ts is None and sent.uptime_s is None and sent.seq is not None
        counted_anew = only and not fresh and verdict == PROOF
        if (sent.boot < self.boot and verdict != DUPLICATE) or counted_anew:
            self.confused = True
            self.uncertain_below = max(self.uncertain_below, (self.highest + 1) * counted_anew)
        elif self.confused and verdict == PROOF and self._undelayed(received) and sent.boot >= self.boot:
            self.confused = False
            self._restart_boot(received)
        if verdict == DUPLICATE:
            self.duplicates_since = self.duplicates_since or received.now.at
            self.duplicate_ts = sent.ts
        else:
            self.duplicates_since = None
            self._record_fields(received, verdict, late=late)
        if verdict in (PROOF, EVENT):
            self.on_proof(received.now.at)
        elif not self._undelayed(received):
            self.refused_since = None  # a delayed message may look like anything
        elif fresh and (self.refused_since is None or self._another_boot(sent)):
            self.refused_since, self.refused_boot = received.now.at, sent.boot
        if verdict == PROOF:
            self.first_late = None
        elif verdict != DUPLICATE and self.first_late is None:
            self.first_late = received.now.at
        self._record_lateness(received, verdict)

    def _record_lateness(self, received: Received, verdict: str) -> None:
        if verdict != DUPLICATE:
            self.last_was_late = verdict == LATE
            self.contradicted = self.last_was_late and (
                self.contradicted or self._clock_stopped(received.sent)
            )
            self.late_ts = received.sent.ts if self.last_was_late else None
        if verdict == LATE and not self._as_late_as_before(received):
            self.late_since, self.late_apart = received.now.at, self._clock_difference(received)

    # --- criteria

    def _by_sequence(self, received: Received) -> Expected:
        sent = received.sent
        if sent.seq is None or self.boot == 0:
            return Expected(PROOF)
        if sent.boot < self.boot:
            return Expected(None, never=PROOF) if self._before_this_boot(sent) else ANYTHING
        if sent.boot > self.boot:
            return self._by_new_boot(sent)
        if (sent.boot, sent.seq) in self.known_numbers:
            newer = sent.ts is not None and self.ts is not None and sent.ts > self.ts
            longer = sent.uptime_s is not None and sent.uptime_s > self.uptime
            if newer or longer:
                return Expected(PROOF)  # a broken counter (L9)
            if self.contradictory:
                return CONTRADICTS
            if (
                self.last_was_late and sent.uptime_s is not None
            ):  # a refused message may not have been recorded
                return Expected(None, never=PROOF)
            if self._before_this_boot(sent, by=0):  # a clock that moves in steps makes one boot look like two
                return Expected(None, never=PROOF)
            return ANYTHING if self._may_be_no_copy(received) else Expected(DUPLICATE)
        if sent.ts is None and self.highest + 1 - sent.seq > REMEMBERED_NUMBERS:
            return ANYTHING
        unsteady = self.host_clock_set and self.boot_at is None and (sent.ts or 0.0) <= (self.ts or 0.0)
        return ANYTHING if sent.seq < self.uncertain_below or unsteady else Expected(PROOF)

    def _may_be_no_copy(self, received: Received) -> bool:
        """Return whether a repeated number may be of another boot, or of a counter that stands still."""
        sent = received.sent
        if sent.uptime_s is not None:
            return False
        if sent.ts is not None:
            return self.duplicates_since is not None and sent.ts != self.duplicate_ts
        return (
            self.duplicates_since is not None
            or (sent.seq or 0) < self.uncertain_below
            or self._may_have_rebooted(received)
        )

    def _may_have_rebooted(self, received: Received) -> bool:
        """Return whether a boot that counted this far could have begun since the last proof."""
        counted = (received.sent.seq or 0) * self.interval
        return self.last_proof is None or counted <= received.now.at - self.last_proof + self.interval + CLOSE

    def _by_new_boot(self, sent: Message) -> Expected:
        assert sent.seq is not None
        if sent.uptime_s is not None:
            return Expected(PROOF)
        if sent.ts is not None:
            return Expected(PROOF) if self.ts is None or sent.ts > self.ts else ANYTHING
        return Expected(PROOF) if sent.seq > self.highest and sent.seq >= self.uncertain_below else ANYTHING

    def _by_time(self, received: Received) -> Expected:
        sent = received.sent
        if sent.ts is None or not self.offsets:
            return Expected(PROOF)
        late = self.lateness(received)
        if abs(late - self.interval) <= CLOSE or (self.relearning and late > self.interval):
            return ANYTHING
        if late < self.interval:
            return Expected(PROOF)
        if sent.uptime_s is None and sent.seq is None:
            return self._by_evenness(received)
        if sent.boot != self.boot or self.last is None:
            return ANYTHING  # a boot may have another clock, or be an old one
        running = self._clock_runs(sent)
        if running is None or sent.seq == self.last.seq:
            return CONTRADICTS
        beyond = late - received.lag - self.interval
        if abs(beyond) <= CLOSE:
            return ANYTHING
        if running and beyond < 0:
            return CONTRADICTS if self.contradictory else Expected(EVENT)
        # Contradictory fields may be a replayed boot; a live camera is believed soon.
        if (
            self.contradictory
            or not running
            or self._sent_just_now(received) is not False
            or self._late_for_long(received)
        ):
            return CONTRADICTS
        return Expected(LATE)

    def _clock_runs(self, sent: Message) -> bool | None:
        """Return whether its clock advanced correctly (L8); None: too close to decide."""
        assert self.last is not None
        if sent.ts is None or self.last.ts is None:
            return True
        format_time = sent.ts - self.last.ts
        if sent.uptime_s is not None and self.last.uptime_s is not None:
            off, doubt = abs(format_time - (sent.uptime_s - self.last.uptime_s)), 0.003
        elif sent.seq is not None and self.last.seq is not None:
            counted = (sent.seq - self.last.seq) * self.interval / 1000
            off, doubt = (
                abs(format_time - counted),
                0.003 + abs(counted) / 4,
            )  # no camera keeps exactly to its interval
        else:
            return True
        most = min(max(1.1, self.interval / 4000), 0.9 * self.interval / 1000)
        return None if most - 0.003 <= off <= most + doubt else off < most

    def _sent_just_now(self, received: Received) -> bool | None:
        """Return whether its uptime shows that it was sent just now (L8); None: too close to decide."""
        if received.sent.uptime_s is None or self.boot_at is None:
            return False
        off, near = received.now.at - round(received.sent.uptime_s * 1000) - self.boot_at, self.interval // 4
        if off > near + CLOSE:
            return False
        # One out of order may be of an earlier boot with the same uptime.
        in_order = received.sent.seq is not None and received.sent.seq == self.highest + 1
        return True if in_order and -near < off < near - CLOSE else None

    def _late_for_long(self, received: Received) -> bool:
        """Return whether clock and uptime may have drifted away together.

        A counter alone proves less, and so does an uptime whose start is not known.
        """
        unknown = received.sent.uptime_s is None or self.boot_at is None
        most = self.interval if unknown else self.interval * OFFSETS // 2
        return self.first_late is not None and received.now.at - self.first_late > most

    def _by_evenness(self, received: Received) -> Expected:
        """Distinguish a clock that was set back from a delay, by nothing but the lateness (L8)."""
        now, evenly = received.now.at, self.interval * 3 // 2
        apart = abs(self._clock_difference(received) - self.late_apart) - self.interval // 2
        since = now if self.late_since is None or apart > 0 else self.late_since
        unclear = (self.late_since is not None and abs(apart) <= CLOSE) or abs(now - since - evenly) <= CLOSE
        frozen = self.ts is not None and abs((received.sent.ts or 0.0) - self.ts) <= _COARSE_S
        doubted = self.contradicted or self._clock_stopped(received.sent) or now <= self.distrusted_until
        return (
            ANYTHING
            if unclear or frozen or doubted or received.lag or received.shared
            else Expected(PROOF if now - since >= evenly else LATE)
        )

    def _clock_stopped(self, sent: Message) -> bool:
        """Return whether its clock shows no more than in the late heartbeat before (L10)."""
        return None not in (sent.ts, self.late_ts) and (sent.ts or 0.0) <= (self.late_ts or 0.0) + _COARSE_S

    def _before_this_boot(self, sent: Message, *, by: int = 2) -> bool:
        """Return whether its own clock and uptime date it before the known boot (L6, L8)."""
        if sent.ts is None or sent.uptime_s is None or self.ts is None or self.booted is None:
            return False
        return sent.ts <= self.ts and sent.ts - sent.uptime_s < self.booted - by and self.boot_at is not None

    def _as_late_as_before(self, received: Received) -> bool:
        """Return whether it is as late as those before it."""
        return (
            self.late_since is not None
            and abs(self._clock_difference(received) - self.late_apart) <= self.interval // 2
        )

    def _another_boot(self, sent: Message) -> bool:
        """Return whether it is of another boot than the refused ones, without showing it (L9)."""
        return sent.uptime_s is None and sent.boot != self.refused_boot

    def _undelayed(self, received: Received) -> bool:
        return received.travelled == self.latency

    def _offset(self, received: Received) -> int:
        assert received.sent.ts is not None
        return received.now.utc - round(received.sent.ts * 1000)

    def _clock_difference(self, received: Received) -> int:
        return 0 if received.sent.ts is None else received.now.at - round(received.sent.ts * 1000)

    # --- state

    def _record_fields(self, received: Received, verdict: str, *, late: bool) -> None:
        sent = received.sent
        if sent.boot > self.boot and (sent.seq is not None or sent.uptime_s is not None):
            # With numbers alone, a boot differs from another only once they are higher.
            # The same if it happens to continue where the last one ended.
            goes_on = sent.seq == self.highest + 1 and (sent.uptime_s or 0.0) >= self.uptime
            self.uncertain_below = (
                max(self.uncertain_below, self.highest + 1) if sent.ts is None or goes_on else -1
            )
            self.boot, self.highest, self.boot_at, self.uptime = sent.boot, -1, None, -1.0
        if sent.seq is not None:
            if (sent.boot, sent.seq) not in self.known_numbers:
                self.known_numbers.add((sent.boot, sent.seq))
                self.log.append((sent.boot, sent.seq))
            self.highest = max(self.highest, sent.seq)
        if sent.boot == self.boot or self.last is None:
            self.last = Fields(sent.boot, sent.seq, sent.ts, sent.uptime_s)
        self._record_clock(received, verdict, late=late)
        if sent.uptime_s is not None:
            self.uptime = max(self.uptime, sent.uptime_s)
            if verdict == PROOF:
                began = received.now.at - round(sent.uptime_s * 1000)
                self.boot_at = began if self.boot_at is None else min(self.boot_at, began)

    def _record_clock(self, received: Received, verdict: str, *, late: bool) -> None:
        sent = received.sent
        self.relearning = verdict == PROOF and late
        if self.relearning:
            self.offsets.clear()
            self.distrusted_until = received.now.at + OFFSETS * self.interval
        if sent.ts is not None and (verdict == PROOF or self.ts is None or sent.ts > self.ts):
            self.ts = sent.ts
            if sent.uptime_s is not None:
                self.booted = sent.ts - sent.uptime_s
        if verdict == PROOF and sent.ts is not None:
            self.offsets.append(self._offset(received))

    def _restart_boot(self, received: Received) -> None:
        self.boot, self.highest = received.sent.boot, -1
        self.uptime, self.boot_at = -1.0, None
