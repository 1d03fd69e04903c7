"""Faults to be planted in what judges by event time, dates both ends of an outage, and believes arrivals.

The others, and how they are planted: `mutations`.
"""

from __future__ import annotations

from typing import NamedTuple


class Mutant(NamedTuple):
    """In `file`, `new` instead of `old` breaks the `rule`."""

    rule: str
    what: str
    file: str
    old: str
    new: str


TIMES: dict[str, Mutant] = {
    "online-is-life": Mutant(
        "L1",
        "`online` is a proof",
        "core/monitor.py",
        "                self._state_machine.on_online(camera, now)\n",
        "                camera.proof = now.mono\n"
        "                self._state_machine.on_online(camera, now)\n",
    ),
    "grace-too-short": Mutant(
        "L5",
        "a hint is held for less than 1.5 intervals",
        "core/model.py",
        "        return max(self.will_grace_s, HINT_GRACE_MIN * self.interval_s)\n",
        "        return self.will_grace_s\n",
    ),
    "retained-hint-of-the-known": Mutant(
        "L5",
        "a retained last will counts though the camera gave proofs",
        "core/monitor.py",
        "        unheard = camera.proof == NEVER and camera.link_group.cause is not GapCause.LINK\n",
        "        unheard = camera.link_group.cause is not GapCause.LINK\n",
    ),
    "retained-hint-shortens": Mutant(
        "L5",
        "a retained last will shortens the deadline after blindness",
        "core/state_machine.py",
        "            hold_s = camera.down_s if retained else camera.will_grace_s\n",
        "            hold_s = camera.will_grace_s\n",
    ),
    "clock-stands": Mutant(
        "L8",
        "a clock that stands still or steps makes its camera late for ever",
        "core/message_order.py",
        "    if ran is False or stands:\n        if now",
        "    if False:\n        if now",
    ),
    "late-is-now": Mutant(
        "L8",
        "a late heartbeat proves nothing of when it was sent",
        "core/state_machine.py",
        "            deadlines.prove_late(camera, sent)\n",
        "            pass\n",
    ),
    "event-time-is-now": Mutant(
        "S11",
        "what is no later than its link lags is life when it came",
        "core/monitor.py",
        "            deadlines.record_return(camera, sent.mono)\n            return sent\n",
        "            return now\n",
    ),
    "constant-counter": Mutant(
        "L9",
        "a counter that stands still makes duplicates of all",
        "core/message_order.py",
        "    return later_clock or (said.uptime_s is not None and 0 <= camera.uptime < said.uptime_s)\n",
        "    return False\n",
    ),
    "start-when-due": Mutant(
        "E1",
        "an outage is dated when a heartbeat was due",
        "core/dating.py",
        "    return Dated(proof + interval / 2, since - waited_s, proof + PACE * interval)\n",
        "    return Dated(proof + interval, proof, proof + PACE * interval)\n",
    ),
    "bounds-too-narrow": Mutant(
        "A3",
        "what bounds the start of an outage leaves out the truth",
        "core/dating.py",
        "    return Dated(proof + interval / 2, since - waited_s, proof + PACE * interval)\n",
        "    return Dated(proof + interval / 2, proof + interval / 2, proof + PACE * interval)\n",
    ),
    "end-at-proof": Mutant(
        "E2",
        "an outage seen by silence ends with the proof",
        "core/dating.py",
        "    silent = boot is Boot.SAME and (unseen or",
        "    silent = boot is Boot.UNTOLD and (unseen and",
    ),
    "birth-ignored": Mutant(
        "E2",
        "that the way opened does not end an outage",
        "core/dating.py",
        "    if due <= camera.return_arrived_at and due - interval <= camera.returned_at <= proof:\n",
        "    if proof < camera.return_arrived_at <= due:\n",
    ),
    "new-boot-shifted": Mutant(
        "E2",
        "a new boot ends an outage half an interval before its proof",
        "core/dating.py",
        "    if boot is Boot.NEW:\n        if",
        "    if boot is Boot.NEW:\n        sent -= interval / 2\n        if",
    ),
    "silence-is-up": Mutant(
        "E3",
        "time between proofs is up, however far they are apart",
        "core/state_machine.py",
        "        if camera.underlying_status is Status.UP and at - camera.proof > camera.down_s:\n",
        "        if camera.underlying_status is Status.UP and at < camera.proof:\n",
    ),
    "gap-in-outage": Mutant(
        "E3",
        "a short gap within an outage is down",
        "core/state_machine.py",
        "        if camera.underlying_status is Status.DOWN and not long:\n",
        "        if camera.underlying_status is Status.PLANNED and not long:\n",
    ),
    "back-unseen-is-down": Mutant(
        "E3",
        "a camera that came back while nothing could be seen was down until it is heard of",
        "core/state_machine.py",
        "        elif camera.underlying_status is Status.DOWN and NEVER < hidden <= at:\n",
        "        elif camera.underlying_status is Status.PLANNED and NEVER < hidden <= at:\n",
    ),
    "kept-is-of-now": Mutant(
        "E3",
        "what a broker kept while nothing could be seen is a proof of when it came",
        "core/monitor.py",
        "        if kept > NEVER and waited_s > 0.0:\n",
        "        if kept > NEVER and waited_s > _FOREVER:\n",
    ),
    "kept-untold-is-of-now": Mutant(
        "E3",
        "what a broker kept is life, though it does not tell when it was sent",
        "core/monitor.py",
        "        if kept > NEVER and not told:",
        "        if kept == _FOREVER and not told:",
    ),
    "back-with-its-proof": Mutant(
        "E2",
        "a camera that booted while nothing could be seen comes back with its proof",
        "core/dating.py",
        "    unseen = camera.hidden_to >= due",
        "    unseen = camera.hidden_to > proof",
    ),
    "unseen-is-up": Mutant(
        "E3",
        "the time before sight returned is up until the outage",
        "core/state_machine.py",
        "        if camera.underlying_status is Status.UP and unknown.at < dated.at"
        " and dating.returned(camera):\n",
        "        if camera.underlying_status is Status.PLANNED and unknown.at < dated.at:\n",
    ),
    "fills-spare-down": Mutant(
        "E4",
        "late heartbeats leave an outage as it is",
        "accounting/timeline.py",
        "Status.UP, (Status.UNKNOWN, Status.DOWN))\n",
        "Status.UP, (Status.UNKNOWN,))\n",
    ),
    "fill-beyond-boot": Mutant(
        "E4",
        "a late heartbeat proves life before its boot",
        "core/backfill.py",
        "    back = reach if uptime_s is None else min(reach, round(uptime_s * 1000))\n",
        "    back = reach\n",
    ),
    "vouched-up": Mutant(
        "E5",
        "a camera that is up is certain until its next heartbeat is due",
        "core/deadlines.py",
        "            limit = min(limit, camera.proof + camera.interval_s / 2)\n",
        "            limit = min(limit, camera.proof + camera.interval_s)\n",
    ),
    "vouched-down": Mutant(
        "E5",
        "a camera that is down is certain up to the last packet",
        "core/deadlines.py",
        "            limit -= camera.interval_s / 2\n",
        "            limit -= 0.0\n",
    ),
    "lag-accuses": Mutant(
        "S11",
        "deadlines are not compared with event time",
        "core/state_machine.py",
        "        until = deadlines.decision_deadline(camera) + camera.link_group.lag\n"
        "        if now.mono < until",
        "        until = deadlines.decision_deadline(camera)\n        if now.mono < until",
    ),
    "late-is-a-sign-of-now": Mutant(
        "S11",
        "a late message shows that the link is up to date",
        "core/visibility.py",
        "            upto = link.sent_late\n",
        "            upto = now.mono\n",
    ),
    "backlog-ignored": Mutant(
        "S11",
        "a link sees before what was kept is through",
        "core/visibility.py",
        "        link.up, link.catching_up = True, backlog\n",
        "        link.up, link.catching_up = True, False\n",
    ),
    "lag-is-no-gap": Mutant(
        "S11",
        "a lag longer than cameras may be silent is no gap",
        "core/event_time.py",
        "    link.behind = link.seen_upto > NEVER and link.lag > shortest_silence(link)\n",
        "    link.behind = False\n",
    ),
    "no-clock-is-on-time": Mutant(
        "S11",
        "cameras that do not tell when they spoke speak against a lag",
        "core/event_time.py",
        "        if camera.index in late or camera.clock_offset == FOREVER:\n",
        "        if camera.index in late:\n",
    ),
    "copies-tell-nothing": Mutant(
        "S13",
        "a copy of what another link brought tells nothing of a lag",
        "core/monitor.py",
        "        if late_s > camera.interval_s:\n            event_time.record_late",
        "        if late_s == _FOREVER:\n            event_time.record_late",
    ),
    "lost-link-sees": Mutant(
        "S13",
        "a camera is in sight though the link of its proofs is lost",
        "core/visibility.py",
        "if camera.proof_link is link and camera.proof_link_down_since is None:\n",
        "if camera.proof_link is None:\n",
    ),
    "date-passed-away": Mutant(
        "V1",
        "a date that passes while camwatch does not run begins with its start",
        "core/checkpoint.py",
        "            camera.inventory_changed_at, camera.since = NEVER, since\n",
        "            camera.since = since\n",
    ),
}
