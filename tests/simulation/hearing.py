"""What a heartbeat must be taken for, by what it says and what was heard before (rules L1, L6-L9).

Where the rules leave it to judgement (a count that begins anew, what comes after an old boot played again),
nothing is expected, and what the daemon made of it is taken for granted. That a live camera is not refused
for long is expected.
"""

from __future__ import annotations

import copy
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.simulation.devices import Sent
from tests.simulation.mind import Moment

PROOF, DUPLICATE, LATE = "proof", "duplicate", "late"
OFFSETS = 32
FORGETS = 64  # runs of missed numbers; so far back may a number lie
NEVER_SET = 86_400_000
CLOSE = 3
"""Milliseconds: so near to a threshold, floats may decide."""


class Expected(NamedTuple):
    """What must become of a heartbeat; None: who knows, but not `never`.

    `confuses`: nor is it known of those that follow, for a while.
    """

    verdict: str | None
    confuses: bool = False
    never: str = ""


class Heard(NamedTuple):
    """A heartbeat arrived at `now` after so long (true ms); `kept`: a broker may have kept it for us (S9)."""

    sent: Sent
    now: Moment
    travelled: int
    kept: bool


@dataclass
class Hearing:
    """What is known of one camera's messages. `latency`: how long they take, by the truth."""

    latency: int
    interval: int = 0
    boot: int = 0
    highest: int = -1  # seq of this boot
    before: int = -1  # smaller numbers may have been missed, or not: a restart forgot which
    heard: set[tuple[int, int]] = field(default_factory=set)
    log: list[tuple[int, int]] = field(default_factory=list)  # the same, in order
    offsets: deque[int] = field(default_factory=lambda: deque(maxlen=OFFSETS))
    ts: float | None = None  # of the newest
    uptime: float = -1.0
    booted: float | None = None  # by its own clock: ts less uptime
    here: int | None = None  # and by the steady clock of this process
    late_since: int | None = None
    late_apart: int = 0  # and its clock is so far from the steady one
    again: bool = False  # a duplicate came since the last proof
    unsure: int = 0  # so many clean heartbeats until its clock and count are known again
    refused_since: int | None = None
    refused_boot: int = 0
    mark: int = 0

    def expects(self, said: Heard) -> Expected:
        """Return what must become of a heartbeat."""
        if said.sent.seq is None and said.sent.ts is None:
            return Expected(PROOF)
        if self.unsure:
            return Expected(None, confuses=not self._clean(said))
        by_number = self._by_number(said)
        return by_number if by_number.verdict != PROOF else self._by_time(said)

    def lateness(self, said: Heard) -> int:
        """Return by how much a heartbeat is late, by what it says (L7, L8)."""
        return self._offset(said) - min(self.offsets) if said.sent.ts is not None and self.offsets else 0

    def takes(self, said: Heard, verdict: str, expected: Expected) -> None:
        """Note what became of it."""
        sent, clean = said.sent, self._clean(said)
        fresh = (sent.boot, sent.seq) not in self.heard
        late = self.lateness(said) > self.interval
        if expected.confuses:
            self.unsure = OFFSETS + 1
        elif self.unsure and clean and verdict == PROOF:
            self.unsure -= 1
        if verdict == DUPLICATE:
            self.again = True
        else:
            self._counts(said, verdict, late=late)
        if verdict == PROOF:
            self.proves(said.now.at)
        elif not clean:
            self.refused_since = None  # what was delayed may look like anything, and spoil the evenness
        elif fresh and (self.refused_since is None or self._another_boot(sent)):
            self.refused_since, self.refused_boot = said.now.at, sent.boot
        if verdict == LATE and not self._goes_on(said):
            self.late_since, self.late_apart = said.now.at, self._apart(said)

    def proves(self, at: int) -> None:
        """Note a proof of any kind."""
        self.again, self.refused_since = False, None
        if self.late_since != at:  # a run may begin at the instant of a proof
            self.late_since = None

    def shifts(self, ahead: int) -> None:
        """Our own clock was set ahead by so much: nobody is late for that (T2)."""
        self.offsets = deque((offset + ahead for offset in self.offsets), maxlen=OFFSETS)

    def patience(self) -> int:
        """Return for how long a live camera may be refused (L8, L9)."""
        return self.interval * (OFFSETS + 1 if self.unsure else 2) + CLOSE

    def restarts(self) -> None:
        """Forget what no store keeps."""
        self.here, self.late_since, self.again, self.refused_since = None, None, False, None
        self.before = self.highest + 1
        if self.offsets:
            self.offsets = deque([min(self.offsets)], maxlen=OFFSETS)

    def remembered(self) -> Hearing:
        """Return what is known now, to go back to; what only grows is shared."""
        twin = copy.copy(self)
        twin.offsets, twin.mark = self.offsets.copy(), len(self.log)
        return twin

    def forgetting(self) -> Hearing:
        """Return what was remembered, as its own again: what came since is forgotten."""
        self.heard.difference_update(self.log[self.mark :])
        del self.log[self.mark :]
        return self.remembered()

    # --- what it goes by

    def _by_number(self, said: Heard) -> Expected:
        sent = said.sent
        seq, behind = sent.seq, self.highest + 1 - (sent.seq or 0)
        if seq is None or self.boot == 0:
            return Expected(PROOF)
        numbered_only = sent.ts is None
        if sent.boot < self.boot and self._before_this_boot(said):
            return Expected(None, confuses=True, never=PROOF)
        if sent.boot < self.boot or (seq <= self.highest and sent.boot == self.boot and self._set(sent)):
            return Expected(None, confuses=True)
        if numbered_only and behind > FORGETS:
            return Expected(None, confuses=True)
        if (sent.boot, seq) in self.heard:
            return Expected(None if numbered_only and self.again else DUPLICATE)
        if sent.boot > self.boot:
            fell = sent.uptime_s is not None and (
                sent.uptime_s < self.uptime or (sent.uptime_s == self.uptime and self._set(sent))
            )
            newer = sent.ts is not None and (self.ts is None or sent.ts > self.ts)
            higher = behind <= 0 and (not numbered_only or seq >= self.before)
            anew = fell or higher or (sent.uptime_s is None and newer and behind > 1)
            return Expected(PROOF) if anew else Expected(None, confuses=not numbered_only)
        return Expected(None if seq < self.before else PROOF)

    def _by_time(self, said: Heard) -> Expected:
        sent = said.sent
        if sent.ts is None or not self.offsets:
            return Expected(PROOF)
        late = self.lateness(said)
        if sent.boot > self.boot and sent.uptime_s is not None:  # a boot may bring another clock
            plain = self._clean(said) and late <= self.interval - CLOSE
            return Expected(PROOF) if plain else Expected(None, confuses=True)
        if abs(late - self.interval) <= CLOSE:
            return Expected(None)
        if late < self.interval:
            return Expected(PROOF)
        return self._evenly(said)

    def _evenly(self, said: Heard) -> Expected:
        """Tell a clock that was set back from a delay (L8)."""
        sent, now, evenly = said.sent, said.now.at, self.interval * 3 // 2
        if sent.uptime_s is not None and self.here is not None:
            if abs(self._off_boot(said) - self.interval) <= CLOSE:
                return Expected(None)
            evenly = self.interval // 2 if self._just_now(said) else self.interval * OFFSETS
        apart = abs(self._apart(said) - self.late_apart) - self._spread(said)
        since = now if self.late_since is None or apart > 0 else self.late_since
        unclear = (self.late_since is not None and abs(apart) <= CLOSE) or abs(now - since - evenly) <= CLOSE
        return Expected(None if unclear else PROOF if now - since >= evenly else LATE)

    def _another_boot(self, sent: Sent) -> bool:
        """Whether this is of another boot than what was refused, and does not say so (L9)."""
        return sent.uptime_s is None and sent.boot != self.refused_boot

    def _off_boot(self, said: Heard) -> int:
        """Return how far its uptime is from what it should be by now, by the steady clock."""
        assert said.sent.uptime_s is not None
        assert self.here is not None
        return abs(said.now.at - round(said.sent.uptime_s * 1000) - self.here)

    def _before_this_boot(self, said: Heard) -> bool:
        """Whether it was sent before the boot that is known, by its own clock and its uptime (L6, L8)."""
        sent = said.sent
        if sent.ts is None or sent.uptime_s is None or self.ts is None or self.booted is None:
            return False
        lost = self.ts - sent.ts > NEVER_SET // 2000 or not self.offsets or abs(min(self.offsets)) > NEVER_SET
        earlier = sent.ts <= self.ts and sent.ts - sent.uptime_s < self.booted - 1
        return earlier and not lost and not self._just_now(said)

    def _just_now(self, said: Heard) -> bool:
        """Whether its uptime says that it was sent just now."""
        told = said.sent.uptime_s is not None and self.here is not None
        return told and self._off_boot(said) <= self.interval

    def _goes_on(self, said: Heard) -> bool:
        """Whether it is as late as those before it."""
        return self.late_since is not None and abs(self._apart(said) - self.late_apart) <= self._spread(said)

    def _spread(self, said: Heard) -> int:
        """Return within what heartbeats are evenly late."""
        return self.interval // (4 if self._just_now(said) else 2)

    def _set(self, sent: Sent) -> bool:
        """Whether a camera's clock was set since a heartbeat of the same boot, as far as it tells."""
        if sent.ts is None or self.ts is None:
            return False
        if sent.uptime_s is None or self.booted is None:
            return sent.ts > self.ts
        return abs(sent.ts - sent.uptime_s - self.booted) > (0.9 if isinstance(sent.uptime_s, int) else 0.04)

    def _clean(self, said: Heard) -> bool:
        return said.travelled == self.latency

    def _offset(self, said: Heard) -> int:
        assert said.sent.ts is not None
        return said.now.utc - round(said.sent.ts * 1000)

    def _apart(self, said: Heard) -> int:
        assert said.sent.ts is not None
        return said.now.at - round(said.sent.ts * 1000)

    # --- what it makes of it

    def _counts(self, said: Heard, verdict: str, *, late: bool) -> None:
        sent = said.sent
        if sent.boot > self.boot and (sent.seq is not None or sent.uptime_s is not None):
            self._boots(said, verdict)
        if sent.seq is not None:
            if (sent.boot, sent.seq) not in self.heard:
                self.heard.add((sent.boot, sent.seq))
                self.log.append((sent.boot, sent.seq))
            self.highest = max(self.highest, sent.seq)
        if verdict == PROOF and late:
            self.offsets.clear()
        if sent.ts is not None and (verdict == PROOF or self.ts is None or sent.ts > self.ts):
            self.ts = sent.ts
            if sent.uptime_s is not None:
                self.booted, self.uptime = sent.ts - sent.uptime_s, sent.uptime_s
        if verdict == PROOF:
            if sent.ts is not None:
                self.offsets.append(self._offset(said))
            if sent.uptime_s is not None:
                self.here = said.now.at - round(sent.uptime_s * 1000)

    def _boots(self, said: Heard, verdict: str) -> None:
        sent, first = said.sent, self.boot == 0
        # Who tells nothing but numbers tells one boot from another only once they are higher.
        self.before = max(self.before, self.highest + 1) if sent.ts is None else -1
        self.boot, self.highest = sent.boot, -1
        if sent.uptime_s is None or first:
            return
        self.here = None
        never_set = bool(self.offsets) and abs(min(self.offsets)) > NEVER_SET
        newer = self.ts is None or (sent.ts is not None and sent.ts > self.ts)
        if verdict == PROOF and (not said.kept or never_set or not newer):
            self.offsets.clear()
