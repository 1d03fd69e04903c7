"""Classic faults, to be planted one at a time in a copy of camwatch: each must make the simulation fail.

Each is a piece of text that stands exactly once in a file of `src/camwatch`, and what to put there.
"""

from __future__ import annotations

from tests.simulation.planted_time import TIMES, Mutant

_STATES: dict[str, Mutant] = {
    "early-conviction": Mutant(
        "L2",
        "down after one interval less",
        "core/liveness.py",
        "    return camera.proof + camera.down_s\n",
        "    return camera.proof + camera.down_s - camera.interval_s\n",
    ),
    "deadline-inclusive": Mutant(
        "L3",
        "at the deadline itself the camera is not yet down (`<=` for `<`)",
        "core/judge.py",
        "        if now.mono < until:\n            self._arm_conviction",
        "        if now.mono <= until:\n            self._arm_conviction",
    ),
    "retained-is-life": Mutant(
        "L1",
        "a retained heartbeat is taken as life",
        "receiving.py",
        "            if retained:\n                self._reject(RejectReason.RETAINED",
        "            if retained and not payload:\n                self._reject(RejectReason.RETAINED",
    ),
    "retained-word-is-life": Mutant(
        "L1",
        "a retained `online` opens the way",
        "core/watch.py",
        "            if not retained:\n                self.judge.online(camera, now)\n",
        "            if word:\n                self.judge.online(camera, now)\n",
    ),
    "retained-hint": Mutant(
        "L5",
        "a retained last will counts while the camera is up",
        "core/watch.py",
        "            camera.life is Status.UP and not retained\n",
        "            camera.life is Status.UP\n",
    ),
    "duplicate-is-life": Mutant(
        "L9",
        "a duplicate is taken as life",
        "core/lifesigns.py",
        "    return Refusal.DUPLICATE, False\n",
        "    return None, False\n",
    ),
    "late-moves-deadline": Mutant(
        "L8",
        "a late heartbeat is life when it came",
        "core/watch.py",
        "                    return Refusal.LATE\n",
        "                    camera.proof = mono\n                    return Refusal.LATE\n",
    ),
    "dated-when-noticed": Mutant(
        "L3",
        "an outage is dated when it was noticed",
        "core/judge.py",
        "cause, dated = camera.hint or Cause.TIMEOUT, dating.beginning(camera)\n",
        "cause, dated = camera.hint or Cause.TIMEOUT, dating.exactly(now.mono)\n",
    ),
    "proof-keeps-hint": Mutant(
        "L5",
        "a proof does not cancel a hint",
        "core/judge.py",
        "        camera.hint = None\n        camera.lost = None\n        upto",
        "        camera.lost = None\n        upto",
    ),
    "hint-convicts-at-once": Mutant(
        "L5",
        "a hint convicts without being held",
        "core/judge.py",
        "            camera.hint_until = now.mono + hold_s\n",
        "            camera.hint_until = now.mono\n",
    ),
    "will-of-the-down": Mutant(
        "E1",
        "what lies before the return of sight is down if something hinted at it",
        "core/dating.py",
        "            at = max(at - interval, min(at, camera.hint_at))\n",
        "            at = camera.hint_at\n",
    ),
    "no-blind-shift": Mutant(
        "S4",
        "a short blindness moves no deadline",
        "core/judge.py",
        "            liveness.shift_for_blindness(camera, blind, now.mono)\n",
        "            pass\n",
    ),
    "blind-shift-too-short": Mutant(
        "S4",
        "the deadline is moved by the blindness alone, without the interval more",
        "core/liveness.py",
        "    extra = sight_at - blind_from + camera.interval_s\n",
        "    extra = sight_at - blind_from\n",
    ),
    "long-blindness-exclusive": Mutant(
        "S4",
        "a blindness of exactly `down_after` changes no status (`>` for `>=`)",
        "core/judge.py",
        "        long = now.mono - blind >= camera.down_s\n",
        "        long = now.mono - blind > camera.down_s\n",
    ),
    "blind-when-noticed": Mutant(
        "S3",
        "blindness begins when the loss was noticed",
        "receiving.py",
        "        self._watch.lose_sight(self._link, now, last_packet)\n",
        "        self._watch.lose_sight(self._link, now, now)\n",
    ),
    "no-fresh-deadline": Mutant(
        "S5",
        "when sight returns, the unknown get no fresh deadline",
        "core/judge.py",
        "            liveness.fresh_deadline(camera, now.mono)\n",
        "            pass\n",
    ),
    "one-link-is-all": Mutant(
        "S1",
        "a camera is out of sight when any of its links is lost",
        "core/sights.py",
        "            if not any(other.sees for other in sight.links):\n",
        "            if not all(other.sees for other in sight.links):\n",
    ),
    "two-outages-through-blindness": Mutant(
        "S7",
        "an outage ends with the blindness in it",
        "core/judge.py",
        "            if new is Status.UNKNOWN:\n                camera.left_down = at\n",
        "            if new is Status.UNKNOWN and camera.left_down:\n                camera.left_down = at\n",
    ),
    "stall-ignored": Mutant(
        "S8",
        "a loop that stood still is no blindness",
        "core/watch.py",
        "            self.sights.slept(now.at_mono(self._awake), now)\n",
        "            pass\n",
    ),
    "no-proven-sight": Mutant(
        "S10",
        "a frozen broker convicts: no packet is asked for",
        "core/judge.py",
        "if link.up and (not link.sees or link.heard <= expected or self._is_silent(link, now)):\n",
        "if link.up and link.heard < 0:\n",
    ),
    "no-fill-after-restart": Mutant(
        "S9",
        "what a broker kept while camwatch did not run fills nothing",
        "core/memory.py",
        "        camera.dark = [Span(since_ms + to_mono, camera.settled_ms)]\n",
        "        camera.settled_ms += 0\n",
    ),
    "fill-too-short": Mutant(
        "E4",
        "a late heartbeat fills nothing after itself",
        "core/fills.py",
        "    end, sure = run.ends + round(camera.interval_s * 500), run.ends\n",
        "    end, sure = run.ends, run.ends\n",
    ),
    "clock-forgotten": Mutant(
        "S9",
        "after a restart it is not known what is late",
        "core/memory.py",
        "    if memory.clock_offset_s is not None:\n",
        "    if memory.clock_offset_s is not None and memory.ts is None:\n",
    ),
    "settled-too-late": Mutant(
        "A1",
        "a restart goes on a millisecond later than it stopped",
        "core/memory.py",
        "    camera.settled_ms = memory.settled_ms + to_mono\n",
        "    camera.settled_ms = memory.settled_ms + to_mono + 1\n",
    ),
    "counters-before-stored": Mutant(
        "A1",
        "counters are exported before they are stored",
        "history/chronicle.py",
        "news(camera, now, stale_ms)) is not None]\n",
        "news(camera, now, stale_ms)) is not None]\n"
        "            for camera in found:\n                camera.stored = remember(camera, now)\n",
    ),
    "vouches-too-early": Mutant(
        "S6",
        "the store vouches for what is not in it",
        "history/queue.py",
        "                batch.sights, batch.vouched_ms, batch.steady "
        "= piece.sights, piece.vouched_ms, piece.steady\n",
        "                batch.sights, batch.steady = piece.sights, piece.steady\n"
        "                batch.vouched_ms = (self._pieces or [piece])[-1].vouched_ms\n",
    ),
    "maintenance-gap": Mutant(
        "V3",
        "a millisecond is in no account as a window begins",
        "core/ledger.py",
        "            start = span.starts\n        until",
        "            start = span.starts + 1\n        until",
    ),
    "window-too-long": Mutant(
        "V3",
        "a window ends a millisecond late",
        "core/watch.py",
        "    return merged(past + [Span(max(starts, now.utc_ms), ends) for starts, ends in spans])\n",
        "    return merged(past + [Span(max(starts, now.utc_ms), ends + 1) for starts, ends in spans])\n",
    ),
    "windows-reach-back": Mutant(
        "V6",
        "a window that is announced late covers what was already judged",
        "core/watch.py",
        "    return merged(past + [Span(max(starts, now.utc_ms), ends) for starts, ends in spans])\n",
        "    return merged(past + [Span(starts, ends) for starts, ends in spans])\n",
    ),
    "planned-in-ledger": Mutant(
        "V1",
        "a planned camera is in the ledger",
        "core/watch.py",
        "    return Status.PLANNED if camera.lifecycle is Lifecycle.PLANNED else Status.UNKNOWN\n",
        "    return Status.UNKNOWN\n",
    ),
    "retired-speaks": Mutant(
        "V2",
        "a heartbeat of a retired camera is taken",
        "core/watch.py",
        "            return Refusal.UNEXPECTED\n        mono, utc_ms = now\n",
        "            pass\n        mono, utc_ms = now\n",
    ),
    "reload-forgets": Mutant(
        "V6",
        "a changed interval is not looked at before the old deadline",
        "core/watch.py",
        "        self.judge.arm(camera, now.mono)\n\n    def _join",
        "\n    def _join",
    ),
    "leaves-too-late": Mutant(
        "A1",
        "the ledger of a camera that left ends with the reload, not with what is certain",
        "core/watch.py",
        "            left = now.at_mono(camera.settled_ms / 1000)\n",
        "            left = now\n",
    ),
    "clock-jump-unrecorded": Mutant(
        "T2",
        "an hour that never was is not recorded",
        "service.py",
        "        self.clock_apart(jump)\n        self.clock_trust",
        "        self.clock_trust",
    ),
    "summer-day": Mutant(
        "A5",
        "the day of a summer-time change has 24 hours",
        "core/calendar.py",
        "            self._last = LocalDay(day, self.start_of(day), self.start_of(day + _DAY))\n",
        "            self._last = LocalDay(day, self.start_of(day), self.start_of(day) + 86_400_000)\n",
    ),
    "tally-forgets-the-past": Mutant(
        "A5",
        "a change that reaches back is counted from now on only",
        "core/tally.py",
        "        change = _coded(at_ms, old, new)\n",
        "        change = _coded(max(at_ms, self._head.at), old, new)\n",
    ),
}

MUTANTS: dict[str, Mutant] = {**_STATES, **TIMES}
"""By name; in order of the rules they break."""
