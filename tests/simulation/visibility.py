"""A second opinion on links: what they see since when, how much later than sent they bring it (S1-S13)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.simulation.mind import IN_LEDGER, Mind
from tests.simulation.moments import NEVER, Moment, Sight
from tests.simulation.plan import Plan

_WITNESSES = 3
"""So many cameras show that a link lags: fewer may have odd clocks."""


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
            if mind.passes(self.now) and self._proven(mind):
                mind.falls(self.now)

    def _proven(self, mind: Mind) -> bool:
        """Whether every link that is up has spoken since a heartbeat was due, and lately (S10, S11)."""
        for name in mind.sight.links:
            link = self.links[name]
            silent = link.last is None or self.now.at - link.last.at >= self.plan.interval
            if link.up and (not link.sees or link.heard <= mind.due or silent):
                return False
        return True

    # --- links

    def heard(self, name: str) -> None:
        """Note that a link delivered some packet, and all before it was handed over."""
        link = self.links[name]
        in_time = link.sent_late == NEVER or self.now.at - link.in_time_at <= 2 * (self.plan.interval // 8)
        upto = self.now.at - link.lag if in_time else link.sent_late  # a few late ones hold nobody up
        link.heard, link.last, link.sent_late = max(link.heard, upto), self.now, NEVER
        for sight in self._over(name):
            sight.heard = max(sight.heard, upto)
        for mind in self._enrolled():
            if mind.held:
                if mind.dark_since is not None or self.now.at < mind.until + mind.sight.lag:
                    mind.held = False
                elif self._proven(mind):
                    mind.falls(self.now)

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
        if link.waits and link.late_at < asked:
            link.waits = False
            self._sees(name)

    def _sees(self, name: str) -> None:
        if not self.links[name].sees:
            return
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
            seen = [last for each in sight.links if each != name and (last := self.links[each].last)]
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
        now, minds = self.now.at, [mind for mind in self._enrolled() if name in mind.sight.links]
        late = {
            mind.name: link.late[mind.name]
            for mind in minds
            if mind.name in link.late and now - link.late[mind.name][0] <= mind.interval * 3 // 2
        }
        fresh = [
            mind for mind in minds if mind.name not in late and now - mind.proof <= mind.interval * 3 // 2
        ]
        link.late = late
        least = min((mind.down_after for mind in minds), default=0)
        serving = sum(mind.life in IN_LEDGER for mind in minds)
        lagged = link.seen_upto != NEVER and not fresh
        if len(late) > len(fresh) and (lagged or len(late) >= min(_WITNESSES, serving)):
            link.lag = _most(by for _, by in late.values())
            enough = lagged or len(late) >= _WITNESSES
            link.seen_upto = _most(came - by for came, by in late.values()) if enough else NEVER
        elif late or fresh or now - link.late_at > 2 * least:
            link.lag, link.seen_upto = 0, NEVER
        else:
            link.lag = 0 if link.seen_upto == NEVER else now - link.seen_upto
        if len(fresh) > len(late):
            link.in_time_at = now
        again = link.late or link.lag or link.waits
        link.look_at = now + self.plan.interval // 8 if again else None
        self._lags(name)
        if link.waits and len(fresh) > len(late):
            link.waits = False
            self._sees(name)
        dull = link.lag > least and link.seen_upto != NEVER
        if dull is not link.dull:
            sighted, link.dull = link.sees, dull
            if link.dull and sighted:
                since = Moment(now - link.lag, self.now.utc - link.lag)
                self._out_of_sight(name, since, "lag")
            self._sees(name)

    def looks(self) -> list[int]:
        """Return when the lag of a link is to be measured."""
        return [link.look_at for link in self.links.values() if link.look_at is not None]

    def _lags(self, name: str) -> None:
        for sight in self._over(name):
            sight.lag = max(self.links[each].lag for each in sight.links)

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
            sight = Sight(links, since, since, since if seen is not None else NEVER, "away", seen is not None)
            sight.heard = max(sight.heard, *(self.links[each].heard for each in links))
            sight.lag = max(self.links[each].lag for each in links)
            if any(self.links[each].sees for each in links):
                sight.blind, sight.began = None, True
            self.sights[links] = sight
        return sight

    def _enrolled(self) -> list[Mind]:
        return [mind for mind in self.minds.values() if mind.row is not None]
