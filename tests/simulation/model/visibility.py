"""A second opinion on links: what they see since when, how much later than sent they bring it (S1-S13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

from tests.simulation.model.camera import IN_LEDGER, Mind
from tests.simulation.model.classifier import Hearing
from tests.simulation.model.records import NEVER, Moment, Sight
from tests.simulation.plans.plan import Plan

_WITNESSES = 3
"""So many cameras show that a link lags: fewer may have odd clocks."""
_BELIEVED = 32
"""After so many intervals of the same lag it is the clocks."""


@dataclass
class Session:
    """One link; `last` is its last packet, `heard` the instant up to which it has brought everything.

    `waits`: what a kept session holds is not through yet, so it does not see. `late`: by camera whose newest
    heartbeat was late, when that came, and how late. `lag`: how much later than sent its messages come;
    `dull`: too much, so it does not see (S11).
    """

    up: bool = False
    heard: int = NEVER
    last: Moment | None = None
    waits: bool = False
    dull: bool = False
    late: dict[str, tuple[int, int]] = field(default_factory=dict)
    late_at: int = NEVER
    lag: int = 0
    seen_upto: int = NEVER  # what was sent since is under way, if enough cameras showed that it lags
    sent_late: int = NEVER  # when the newest late heartbeat of the present packets was sent
    apart: int | None = None  # while it is dull: by how much, on the steady clock, ...
    apart_since: int = NEVER  # ... and since when by the same
    copies: dict[str, int] = field(default_factory=dict)  # when a copy came on time of what another brought
    in_time_at: int = NEVER  # more of its cameras were on time than late, when last measured
    look_at: int | None = None  # when to measure the lag

    @property
    def sees(self) -> bool:
        """Whether cameras are visible over it (S1)."""
        return self.up and not self.waits and not self.dull


class Blind(NamedTuple):
    """A stretch out of sight, as the record shall have it."""

    operators: tuple[str, ...]
    links: tuple[str, ...]
    why: str
    began: int
    ended: int


def _most(values: Iterable[int]) -> int:
    """Return what nine tenths of the values do not exceed."""
    ordered = sorted(values)
    return ordered[-(-len(ordered) * 9 // 10) - 1]


class Visibility:
    """All links of a plan, and what they see. `now` is set by whoever tells what happens."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.now = Moment(0, 0)
        self.minds: dict[str, Mind] = {}
        self.hearings = {device.id: Hearing(device.latency) for device in plan.devices}
        self.links: dict[str, Session] = {}
        self.sights: dict[tuple[str, ...], Sight] = {}
        self.blinds: list[Blind] = []
        self.stall_after = 0
        self._awake = self._began = 0
        self._resumed = False  # somebody was watched before
        self._stored_sights: dict[tuple[str, ...], int] = {}
        self._vouched: int | None = None

    # --- time

    def awake(self) -> None:
        """Note that the loop runs, and see whether it was asleep (S8)."""
        since, self._awake = self._awake, self.now.at
        if self.now.at - since <= self.stall_after:
            return
        for sight in self.sights.values():
            if sight.blind is None:
                sight.blind, sight.why = since, "stall"
                sight.blind_utc = self.now.utc - (self.now.at - since)
                self._in_sight(sight)

    def ticks(self) -> None:
        """Look at what is due."""
        self.awake()
        for name, link in self.links.items():
            if link.look_at is not None and self.now.at >= link.look_at:
                self._measures(name, link)
        for mind in self._enrolled():
            if mind.passes(self.now) or mind.held:
                self._decides(mind)

    def _decides(self, mind: Mind) -> None:
        """Let a camera fall whose deadline has passed, once that is proven; not for ever up without (S10)."""
        if mind.dark_since is not None or self.now.at < mind.until + mind.sight.lag:
            mind.held = False
        elif self._proven(mind):
            mind.falls(self.now)
        elif (
            mind.life == "up"
            and self.now.at >= mind.until + mind.sight.lag + mind.down_after
            and not any(self._silent(self.links[name]) for name in mind.sight.links)
        ):
            mind.fades(self.now)

    def _silent(self, link: Session) -> bool:
        return link.up and (link.last is None or self.now.at - link.last.at >= self.plan.interval)

    def _proven(self, mind: Mind) -> bool:
        """Whether every link that sees it has spoken since one was due, and lately (S10, S11, S13)."""
        for name in mind.sight.links:
            link = self.links[name]
            if link.up and not link.sees:
                if mind.via in ("", name) or mind.name in link.late:
                    return False
            elif link.up and (link.heard <= mind.due or self._silent(link)):
                return False
        return True

    # --- links

    def heard(self, name: str) -> None:
        """Note that a link delivered some packet, and all before it was handed over."""
        link = self.links[name]
        in_time = link.sent_late == NEVER or self.now.at - link.in_time_at <= 2 * (self.plan.interval // 8)
        upto = self.now.at - link.lag if in_time else link.sent_late  # a few late ones hold nobody up
        link.last, link.sent_late = self.now, NEVER
        self._shows(name, upto)

    def _shows(self, name: str, upto: int) -> None:
        link = self.links[name]
        link.heard = max(link.heard, upto)
        for sight in self._over(name):
            sight.heard = max(sight.heard, upto)
        for mind in self._enrolled():
            if mind.held:
                self._decides(mind)

    def subscribed(self, name: str, *, kept: bool) -> None:
        """Take it that a link is there (S1); what a session `kept` is to come through first (S11)."""
        self.awake()
        link = self.links[name]
        link.up, link.waits = True, kept
        if kept and link.look_at is None:
            link.look_at = self.now.at + self.plan.interval // 8
        self.heard(name)
        self._sees(name)

    def answered(self, name: str, asked: int) -> None:
        """Take it that a ping was answered which was sent at an instant."""
        link = self.links[name]
        if link.late_at >= asked and self._is_shared(name, link):
            return
        self._shows(name, asked - link.lag)
        if link.waits:
            link.waits = False
            self._sees(name)

    def _sees(self, name: str) -> None:
        if not self.links[name].sees:
            return
        self._lags(name)
        for sight in self._over(name):
            if sight.blind is not None:
                self._in_sight(sight)
            for mind in self._enrolled():
                if mind.sight is sight and mind.via == name and mind.alone is not None:
                    mind.sees_again(self.now, first=False)
                    mind.alone = None

    def lost(self, name: str, last: Moment) -> None:
        """Take it that a link is gone, since its last packet (S3)."""
        self.awake()
        link = self.links[name]
        sighted, seen = link.sees, Moment(last.at - link.lag, last.utc - link.lag)
        self.links[name] = Session(last=seen, heard=link.heard, in_time_at=link.in_time_at)
        self._lags(name)
        if sighted:
            self._out_of_sight(name, seen, "link")

    def _out_of_sight(self, name: str, since: Moment, why: str) -> None:
        for sight in self._over(name):
            if sight.blind is not None:
                continue
            if any(self.links[each].sees for each in sight.links):
                for mind in self._enrolled():
                    if mind.sight is sight and mind.via == name and mind.alone is None:
                        mind.alone = since.at
                continue
            others = [self.links[each] for each in sight.links if each != name]
            seen = [
                Moment(link.last.at - link.lag, link.last.utc - link.lag)
                for link in others
                if link.last is not None and not link.waits
            ]
            begun = max([since, *seen])
            earliest = max(sight.since, self._began)  # whatever a lag says
            begun = Moment(max(begun.at, earliest), begun.utc + max(0, earliest - begun.at))
            sight.blind, sight.blind_utc, sight.why = begun.at, begun.utc, why

    def _in_sight(self, sight: Sight) -> None:
        first, sight.began = not sight.began, True
        cameras = [mind for mind in self._enrolled() if mind.sight is sight]
        if cameras and not (first and not sight.seen_before):
            blind = Blind(sight.operators, sight.links, sight.why, sight.blind_utc, self.now.utc)
            self.blinds.append(blind)
        for mind in cameras:
            mind.sees_again(self.now, first=first)
            mind.alone = None
        sight.blind, sight.since = None, self.now.at

    # --- how much later than sent messages come (S11)

    def _measures(self, name: str, link: Session) -> None:
        now, minds, sighted = self.now.at, self._carried(name), link.sees
        in_time = self._lateness(name, link, minds)
        enough = link.seen_upto != NEVER
        link.dull = enough and link.lag > min((mind.down_after for mind in minds), default=0)
        if in_time:
            link.in_time_at = now
        again = link.late or link.lag or link.waits
        link.look_at = now + self.plan.interval // 8 if again else None
        link.waits = link.waits and not in_time and not enough
        if not link.dull:
            link.apart = None
        elif self._is_even(link, minds):
            self._believes(link, minds)
        self._lags(name)
        if sighted and not link.sees:
            since = Moment(now - link.lag, self.now.utc - link.lag)
            self._out_of_sight(name, since, "lag")
        elif link.sees and not sighted:
            self._sees(name)

    def _lateness(self, name: str, link: Session, minds: list[Mind]) -> bool:
        """Measure the lag of a link; return whether more cameras are on time than late."""
        now = self.now.at
        link.late = {
            mind.name: link.late[mind.name]
            for mind in minds
            if mind.name in link.late
            and self._on_time(name, mind) < link.late[mind.name][0] >= now - mind.interval * 3 // 2
        }
        late, fresh = link.late, 0
        slowest = max((mind.interval for mind in minds if mind.name in late), default=0)
        for mind in minds:
            if mind.name not in late and self.hearings[mind.name].offsets:  # others may be late as well
                window = min(mind.interval, slowest or mind.interval)
                fresh += now - self._on_time(name, mind) <= window * 3 // 2
        least = min((mind.down_after for mind in minds), default=0)
        lagged = link.seen_upto != NEVER and not fresh and not self._is_alone(link, minds)
        if len(late) > fresh and (lagged or self._is_shared(name, link)):
            link.lag = _most(by for _, by in late.values())
            enough = lagged or len(late) >= _WITNESSES
            link.seen_upto = _most(came - by for came, by in late.values()) if enough else NEVER
        elif late or fresh or now - link.late_at > 2 * least:
            link.lag, link.seen_upto = 0, NEVER
        else:
            link.lag = 0 if link.seen_upto == NEVER else now - link.seen_upto
        return fresh > len(late)

    def _is_alone(self, link: Session, minds: list[Mind]) -> bool:
        """Whether one late camera has left all others behind, so that they are silent."""
        newest = max((mind.proof for mind in minds if mind.name in link.late), default=NEVER)
        near = sum(mind.proof >= newest - mind.down_after for mind in minds)
        return near < min(2, sum(mind.life in IN_LEDGER for mind in minds))

    def _carried(self, name: str) -> list[Mind]:
        return [mind for mind in self._enrolled() if name in mind.sight.links]

    def _is_shared(self, name: str, link: Session) -> bool:
        serving = sum(mind.life in IN_LEDGER for mind in self._carried(name))
        return len(link.late) >= min(_WITNESSES, serving)

    def _on_time(self, name: str, mind: Mind) -> int:
        """Return when something of a camera came over a link that was not late."""
        return max(
            mind.proof if mind.via in ("", name) else NEVER, self.links[name].copies.get(mind.name, NEVER)
        )

    def _is_even(self, link: Session, minds: list[Mind]) -> bool:
        """Whether it has been behind by the same for so long that it must be the clocks (L8)."""
        late = [mind for mind in minds if mind.name in link.late]
        if not late:
            return False
        interval = median_low(mind.interval for mind in late)
        apart = median_low(by for _, by in link.late.values()) + self.now.at - self.now.utc
        if link.apart is None or abs(apart - link.apart) > interval // 2:
            link.apart, link.apart_since = apart, self.now.at
        return self.now.at - link.apart_since >= _BELIEVED * interval

    def _believes(self, link: Session, minds: list[Mind]) -> None:
        for mind in minds:
            hearing = self.hearings[mind.name]
            if mind.name in link.late or hearing.spoke_late:
                hearing.offsets.clear()
                mind.doubts_clock()
                if mind.dark_since is None:
                    mind.shifts(link.lag, self.now)
        link.late = {}
        link.lag, link.seen_upto, link.dull, link.waits = 0, NEVER, False, False

    def looks(self) -> list[int]:
        """Return when the lag of a link is to be measured."""
        return [link.look_at for link in self.links.values() if link.look_at is not None]

    def _lags(self, name: str) -> None:
        for sight in self._over(name):
            links = [self.links[each] for each in sight.links]
            sight.lag = max(link.lag for link in [each for each in links if each.sees] or links)

    def _over(self, name: str) -> list[Sight]:
        return [sight for sight in self.sights.values() if name in sight.links]

    def _sight(self, operator: str) -> Sight:
        links = tuple(line.name for line in self.plan.lines if line.carries(operator))
        sight = self.sights.get(links)
        if sight is None:
            seen = self._vouched if self._resumed else None  # nobody was watched: nobody was out of sight
            if seen is not None:
                seen = min(self._stored_sights.get(links, seen), seen)
            since = self.now.at if seen is None else seen
            sight = Sight(
                links, since, since, since if seen is not None else NEVER, "offline", seen is not None
            )
            sight.heard = max(sight.heard, *(self.links[each].heard for each in links))
            sight.lag = max(self.links[each].lag for each in links)
            if any(self.links[each].sees for each in links):
                sight.blind, sight.began = None, True
            self.sights[links] = sight
        return sight

    def _enrolled(self) -> list[Mind]:
        return [mind for mind in self.minds.values() if mind.row is not None]
