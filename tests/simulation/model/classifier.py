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

from tests.simulation.model.records import Moment
from tests.simulation.world.cameras import Sent

PROOF, EVENT, DUPLICATE, LATE = "proof", "event", "duplicate", "late"
"""An event-time proof is dated when it was sent, another one when it came."""
OFFSETS = 32
FORGETS = 64  # runs of missed numbers; so far back may a number lie
_COARSE_S = 1.1  # clocks may tell whole seconds
CLOSE = 3
"""Milliseconds: so near to a threshold, floats may decide."""


class Expected(NamedTuple):
    """What must become of a heartbeat; None: who knows, but not `never`.

    `doubts`: nor is it known of those that follow, until one is a proof.
    """

    verdict: str | None
    never: str = ""
    doubts: bool = False


ANYTHING = Expected(None)
CONTRADICTS = Expected(None, doubts=True)


class Heard(NamedTuple):
    """A heartbeat arrived at `now` over a link that lags so much, so long after it was sent (true ms).

    `shared`: many cameras of its links are late together, which no clock of theirs is to blame for.
    """

    sent: Sent
    now: Moment
    lag: int
    travelled: int
    shared: bool


class Words(NamedTuple):
    """What the newest heartbeat that was heard of a boot told."""

    boot: int
    seq: int | None
    ts: float | None
    uptime_s: float | None


@dataclass
class Hearing:
    """What is known of one camera's messages. `latency`: how long they take, by the truth."""

    latency: int
    by_wall: bool = False  # our own clock is set: clock and uptime may agree, and be late for ever
    interval: int = 0
    slowest: int = 0  # the longest interval of those that its links carry
    boot: int = 0
    highest: int = -1  # seq of this boot
    before: int = -1  # smaller numbers may have been missed, or not: a restart forgot which
    heard: set[tuple[int, int]] = field(default_factory=set)
    log: list[tuple[int, int]] = field(default_factory=list)  # the same, in order
    offsets: deque[int] = field(default_factory=lambda: deque(maxlen=OFFSETS))
    last: Words | None = None  # heard, of this boot
    ts: float | None = None  # the latest
    uptime: float = -1.0  # the largest of this boot
    booted: float | None = None  # by its own clock: ts less uptime
    here: int | None = None  # and by the steady clock of this process, at the earliest
    first_late: int | None = None  # since the last proof on time
    late_since: int | None = None
    late_apart: int = 0  # and its clock is so far from the steady one
    copies_since: int | None = None  # only duplicates came
    copied: float | None = None  # what the last of them said it was
    late_ts: float | None = None  # what the last late one said it was, since the last proof
    contradicted: bool = False  # a late one said no more than the one before
    doubted_until: int = -1  # its clock was given up
    refused_since: int | None = None
    refused_boot: int = 0
    doubtful: bool = False  # what it says contradicts itself
    spoke_late: bool = False  # its last word was late
    anew: bool = False  # its clock was just given up: the next word shows how far it is off, or this one did
    proved: int | None = None  # when a proof came last, in this process
    confused: bool = False  # an old boot was played again: the daemon may take it for a new one
    mark: int = 0

    def expects(self, said: Heard) -> Expected:
        """Return what must become of a heartbeat."""
        sent = said.sent
        if sent.seq is None and sent.ts is None:
            return Expected(PROOF)
        if self.confused:
            return ANYTHING
        by_number = self._by_number(said)
        return by_number if by_number.verdict != PROOF else self._by_time(said)

    def lateness(self, said: Heard) -> int:
        """Return by how much a heartbeat is late, by what it says (L7, L8)."""
        return self._offset(said) - min(self.offsets) if said.sent.ts is not None and self.offsets else 0

    def boot_of(self, said: Heard) -> str:
        """Return whether it is of a new boot, of the same, of some boot, or who knows (E2, L6)."""
        sent = said.sent
        if self.confused:
            return "?"
        if self.boot == 0:
            return "" if sent.uptime_s is None else "?"
        if sent.uptime_s is None:
            if sent.seq is None:
                return ""
            if sent.boot != self.boot or self.refused_since is not None:
                return "?"  # numbers alone may go on with those of the boot before
            return "same" if sent.seq > self.highest else "?" if sent.seq in (self.highest, 0) else ""
        if self.booted is None or self.last is None:
            return "?"
        if sent.uptime_s < self.uptime:
            return "new"
        assert sent.ts is not None
        later = sent.ts - sent.uptime_s - self.booted
        if later < -2:
            return "?"
        if later > 2:  # a clock that was set ahead shows the same
            return "new" if sent.seq is not None and sent.seq <= self.highest else "?"
        return "?" if later > 0.5 else "same"

    def takes(self, said: Heard, verdict: str, expected: Expected) -> None:
        """Note what became of it."""
        self.doubtful = verdict != PROOF and (self.doubtful or expected.doubts)
        sent = said.sent
        fresh = (sent.boot, sent.seq) not in self.heard
        late = self.lateness(said) > self.interval
        only = sent.ts is None and sent.uptime_s is None and sent.seq is not None
        counted_anew = only and not fresh and verdict == PROOF
        if (sent.boot < self.boot and verdict != DUPLICATE) or counted_anew:
            self.confused = True
            self.before = max(self.before, (self.highest + 1) * counted_anew)
        elif self.confused and verdict == PROOF and self._clean(said) and sent.boot >= self.boot:
            self.confused = False
            self._relearns(said)
        if verdict == DUPLICATE:
            self.copies_since = self.copies_since or said.now.at
            self.copied = sent.ts
        else:
            self.copies_since = None
            self._counts(said, verdict, late=late)
        if verdict in (PROOF, EVENT):
            self.proves(said.now.at)
        elif not self._clean(said):
            self.refused_since = None  # what was delayed may look like anything, and spoil the evenness
        elif fresh and (self.refused_since is None or self._another_boot(sent)):
            self.refused_since, self.refused_boot = said.now.at, sent.boot
        if verdict == PROOF:
            self.first_late = None
        elif verdict != DUPLICATE and self.first_late is None:
            self.first_late = said.now.at
        self._speaks_late(said, verdict)

    def _speaks_late(self, said: Heard, verdict: str) -> None:
        if verdict != DUPLICATE:
            self.spoke_late = verdict == LATE
            self.contradicted = self.spoke_late and (self.contradicted or self._says_no_more(said.sent))
            self.late_ts = said.sent.ts if self.spoke_late else None
        if verdict == LATE and not self._goes_on(said):
            self.late_since, self.late_apart = said.now.at, self._apart(said)

    def proves(self, at: int) -> None:
        """Note a proof of any kind."""
        self.copies_since = self.refused_since = None
        self.proved = at
        self.late_since = None

    def shifts(self, ahead: int) -> None:
        """Our own clock was set ahead by so much: nobody is late for that (T2)."""
        self.offsets = deque((offset + ahead for offset in self.offsets), maxlen=OFFSETS)

    def learns(self, offsets: list[int]) -> None:
        """Take the daemon's word for how far the camera's clock is off, where it was judged or given up."""
        self.offsets = deque(offsets, maxlen=OFFSETS)

    def patience(self) -> int:
        """Return for how long a live camera may be refused (L6, L8-L10).

        What many say late by the same is believed together, after as many of their intervals.
        """
        if self.by_wall:
            return self.slowest * (OFFSETS + 2) + CLOSE
        return self.interval * (3 if self._seems_earlier() else 2) + CLOSE

    def _seems_earlier(self) -> bool:
        """Whether what was heard last began, by its clock, before the boot that is known."""
        last = self.last
        if last is None or last.ts is None or last.uptime_s is None or self.booted is None:
            return False
        return last.ts - last.uptime_s < self.booted

    def is_undecided(self, now: int) -> bool:
        """Return whether so few were late so far that its clock may be the reason (L8)."""
        return (
            self.here is None and self.first_late is not None and now - self.first_late <= self.interval * 2
        )

    def restarts(self) -> None:
        """Forget what no store keeps."""
        self.here = self.late_since = self.first_late = self.copies_since = self.refused_since = None
        self.proved, self.spoke_late = None, False
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
        if sent.seq is None or self.boot == 0:
            return Expected(PROOF)
        if sent.boot < self.boot:
            return Expected(None, never=PROOF) if self._before_this_boot(sent) else ANYTHING
        if sent.boot > self.boot:
            return self._by_new_boot(sent)
        if (sent.boot, sent.seq) in self.heard:
            newer = sent.ts is not None and self.ts is not None and sent.ts > self.ts
            longer = sent.uptime_s is not None and sent.uptime_s > self.uptime
            if newer or longer:
                return Expected(PROOF)  # a broken counter (L9)
            if self.doubtful:
                return CONTRADICTS
            if self.spoke_late and sent.uptime_s is not None:  # what was refused may not have been taken in
                return Expected(None, never=PROOF)
            if self._before_this_boot(sent, by=0):  # a clock that moves in steps makes one boot look like two
                return Expected(None, never=PROOF)
            return ANYTHING if self._may_be_no_copy(said) else Expected(DUPLICATE)
        if sent.ts is None and self.highest + 1 - sent.seq > FORGETS:
            return ANYTHING
        unsteady = self.by_wall and self.here is None and (sent.ts or 0.0) <= (self.ts or 0.0)
        return ANYTHING if sent.seq < self.before or unsteady else Expected(PROOF)

    def _may_be_no_copy(self, said: Heard) -> bool:
        """Whether a number that was heard may be of another boot, or of a counter that stands still."""
        sent = said.sent
        if sent.uptime_s is not None:
            return False
        if sent.ts is not None:
            return self.copies_since is not None and sent.ts != self.copied
        return self.copies_since is not None or (sent.seq or 0) < self.before or self._may_begin_anew(said)

    def _may_begin_anew(self, said: Heard) -> bool:
        """Whether a boot that has counted so far could have begun since the last proof."""
        lived = (said.sent.seq or 0) * self.interval
        return self.proved is None or lived <= said.now.at - self.proved + self.interval + CLOSE

    def _by_new_boot(self, sent: Sent) -> Expected:
        assert sent.seq is not None
        if sent.uptime_s is not None:
            return Expected(PROOF)
        if sent.ts is not None:
            return Expected(PROOF) if self.ts is None or sent.ts > self.ts else ANYTHING
        return Expected(PROOF) if sent.seq > self.highest and sent.seq >= self.before else ANYTHING

    def _by_time(self, said: Heard) -> Expected:
        sent = said.sent
        if sent.ts is None or not self.offsets:
            return Expected(PROOF)
        late = self.lateness(said)
        if abs(late - self.interval) <= CLOSE or (self.anew and late > self.interval):
            return ANYTHING
        if late < self.interval:
            return Expected(PROOF)
        if sent.uptime_s is None and sent.seq is None:
            return self._evenly(said)
        if sent.boot != self.boot or self.last is None:
            return ANYTHING  # a boot may bring another clock, or be old news
        running = self._runs(sent)
        if running is None or sent.seq == self.last.seq:
            return CONTRADICTS
        beyond = late - said.lag - self.interval
        if abs(beyond) <= CLOSE:
            return ANYTHING
        if running and beyond < 0:
            return CONTRADICTS if self.doubtful else Expected(EVENT)
        # What contradicts itself may be an old boot that is played again: a live camera is believed soon.
        if self.doubtful or not running or self._just_now(said) is not False or self._long_late(said):
            return CONTRADICTS
        return Expected(LATE)

    def _runs(self, sent: Sent) -> bool | None:
        """Whether its clock went on as it should since the last one (L8); None: it is too close to tell."""
        assert self.last is not None
        if sent.ts is None or self.last.ts is None:
            return True
        shown = sent.ts - self.last.ts
        if sent.uptime_s is not None and self.last.uptime_s is not None:
            off, doubt = abs(shown - (sent.uptime_s - self.last.uptime_s)), 0.003
        elif sent.seq is not None and self.last.seq is not None:
            counted = (sent.seq - self.last.seq) * self.interval / 1000
            off, doubt = abs(shown - counted), 0.003 + abs(counted) / 4  # no camera keeps quite to its pace
        else:
            return True
        most = min(max(1.1, self.interval / 4000), 0.9 * self.interval / 1000)
        return None if most - 0.003 <= off <= most + doubt else off < most

    def _just_now(self, said: Heard) -> bool | None:
        """Whether its uptime says that it was sent just now (L8); None: it is too close to tell."""
        if said.sent.uptime_s is None or self.here is None:
            return False
        off, near = said.now.at - round(said.sent.uptime_s * 1000) - self.here, self.interval // 4
        if off > near + CLOSE:
            return False
        # One that is out of order may be of an earlier boot, which had lived for as long.
        in_order = said.sent.seq is not None and said.sent.seq == self.highest + 1
        return True if in_order and -near < off < near - CLOSE else None

    def _long_late(self, said: Heard) -> bool:
        """Whether clock and uptime may have drifted away together.

        A count alone tells less, and so does an uptime of which nobody knows when it began.
        """
        unknown = said.sent.uptime_s is None or self.here is None
        most = self.interval if unknown else self.interval * OFFSETS // 2
        return self.first_late is not None and said.now.at - self.first_late > most

    def _evenly(self, said: Heard) -> Expected:
        """Tell a clock that was set back from a delay, by nothing else than how late it is (L8)."""
        now, evenly = said.now.at, self.interval * 3 // 2
        apart = abs(self._apart(said) - self.late_apart) - self.interval // 2
        since = now if self.late_since is None or apart > 0 else self.late_since
        unclear = (self.late_since is not None and abs(apart) <= CLOSE) or abs(now - since - evenly) <= CLOSE
        stands = self.ts is not None and abs((said.sent.ts or 0.0) - self.ts) <= _COARSE_S
        doubted = self.contradicted or self._says_no_more(said.sent) or now <= self.doubted_until
        return (
            ANYTHING
            if unclear or stands or doubted or said.lag or said.shared
            else Expected(PROOF if now - since >= evenly else LATE)
        )

    def _says_no_more(self, sent: Sent) -> bool:
        """Whether its clock shows no more than with the late heartbeat before (L10)."""
        return None not in (sent.ts, self.late_ts) and (sent.ts or 0.0) <= (self.late_ts or 0.0) + _COARSE_S

    def _before_this_boot(self, sent: Sent, *, by: int = 2) -> bool:
        """Whether it was sent before the boot that is known, by its own clock and its uptime (L6, L8)."""
        if sent.ts is None or sent.uptime_s is None or self.ts is None or self.booted is None:
            return False
        return sent.ts <= self.ts and sent.ts - sent.uptime_s < self.booted - by and self.here is not None

    def _goes_on(self, said: Heard) -> bool:
        """Whether it is as late as those before it."""
        return self.late_since is not None and abs(self._apart(said) - self.late_apart) <= self.interval // 2

    def _another_boot(self, sent: Sent) -> bool:
        """Whether this is of another boot than what was refused, and does not say so (L9)."""
        return sent.uptime_s is None and sent.boot != self.refused_boot

    def _clean(self, said: Heard) -> bool:
        return said.travelled == self.latency

    def _offset(self, said: Heard) -> int:
        assert said.sent.ts is not None
        return said.now.utc - round(said.sent.ts * 1000)

    def _apart(self, said: Heard) -> int:
        return 0 if said.sent.ts is None else said.now.at - round(said.sent.ts * 1000)

    # --- what it makes of it

    def _counts(self, said: Heard, verdict: str, *, late: bool) -> None:
        sent = said.sent
        if sent.boot > self.boot and (sent.seq is not None or sent.uptime_s is not None):
            # Who tells nothing but numbers tells one boot from another only once they are higher.
            # So does one that goes on by chance where the last one ended.
            goes_on = sent.seq == self.highest + 1 and (sent.uptime_s or 0.0) >= self.uptime
            self.before = max(self.before, self.highest + 1) if sent.ts is None or goes_on else -1
            self.boot, self.highest, self.here, self.uptime = sent.boot, -1, None, -1.0
        if sent.seq is not None:
            if (sent.boot, sent.seq) not in self.heard:
                self.heard.add((sent.boot, sent.seq))
                self.log.append((sent.boot, sent.seq))
            self.highest = max(self.highest, sent.seq)
        if sent.boot == self.boot or self.last is None:
            self.last = Words(sent.boot, sent.seq, sent.ts, sent.uptime_s)
        self._reads_clock(said, verdict, late=late)
        if sent.uptime_s is not None:
            self.uptime = max(self.uptime, sent.uptime_s)
            if verdict == PROOF:
                began = said.now.at - round(sent.uptime_s * 1000)
                self.here = began if self.here is None else min(self.here, began)

    def _reads_clock(self, said: Heard, verdict: str, *, late: bool) -> None:
        sent = said.sent
        self.anew = verdict == PROOF and late
        if self.anew:
            self.offsets.clear()
            self.doubted_until = said.now.at + OFFSETS * self.interval
        if sent.ts is not None and (verdict == PROOF or self.ts is None or sent.ts > self.ts):
            self.ts = sent.ts
            if sent.uptime_s is not None:
                self.booted = sent.ts - sent.uptime_s
        if verdict == PROOF and sent.ts is not None:
            self.offsets.append(self._offset(said))

    def _relearns(self, said: Heard) -> None:
        self.boot, self.highest = said.sent.boot, -1
        self.uptime, self.here = -1.0, None
