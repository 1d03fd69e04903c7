"""Mutations of event time, dating and message order; the others: `catalogue`."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """In `file`, `new` instead of `old` breaks the `rule`."""

    rule: str
    what: str
    file: str
    old: str
    new: str


TIMES: dict[str, Mutation] = {
    "online-is-proof": Mutation(
        "L1",
        "`online` is a proof",
        "core/monitor.py",
        "                self._state_machine.on_online(camera, now)\n",
        "                camera.proof = now.mono\n"
        "                self._state_machine.on_online(camera, now)\n",
    ),
    "grace-too-short": Mutation(
        "L5",
        "the grace period of a hint is less than 1.5 intervals",
        "core/model.py",
        "        return max(self.will_grace_s, HINT_GRACE_MIN * self.interval_s)\n",
        "        return self.will_grace_s\n",
    ),
    "retained-hint-after-proofs": Mutation(
        "L5",
        "a retained last will counts although the camera gave proofs",
        "core/monitor.py",
        "        unheard = camera.proof == NEVER and camera.link_group.cause is not GapCause.LINK\n",
        "        unheard = camera.link_group.cause is not GapCause.LINK\n",
    ),
    "retained-hint-shortens": Mutation(
        "L5",
        "a retained last will shortens the deadline after a gap",
        "core/state_machine.py",
        "            hold_s = camera.down_s if retained else camera.will_grace_s\n",
        "            hold_s = camera.will_grace_s\n",
    ),
    "frozen-clock-is-late": Mutation(
        "L8",
        "a clock that is frozen or moves in steps makes its camera late for good",
        "core/camera_clock.py",
        "    if ran is False or stopped:\n        if now",
        "    if False:\n        if now",
    ),
    "late-proves-nothing": Mutation(
        "L8",
        "a late heartbeat does not prove when it was sent",
        "core/state_machine.py",
        "            deadlines.prove_late(camera, sent)\n",
        "            pass\n",
    ),
    "event-time-is-now": Mutation(
        "S11",
        "a message no later than the lag of its link is a proof of when it arrived",
        "core/monitor.py",
        "            deadlines.record_return(camera, sent.mono)\n            return sent\n",
        "            return now\n",
    ),
    "constant-counter": Mutation(
        "L9",
        "a frozen counter makes every message a duplicate",
        "core/message_order.py",
        "    return later_clock or (telemetry.uptime_s is not None and 0 <= camera.uptime < "
        "telemetry.uptime_s)\n",
        "    return False\n",
    ),
    "start-when-due": Mutation(
        "E1",
        "an outage is dated to the next heartbeat that was due",
        "core/dating.py",
        "    return Dated(proof + interval / 2, since - waited_s, proof + PACE * interval)\n",
        "    return Dated(proof + interval, proof, proof + PACE * interval)\n",
    ),
    "bounds-too-narrow": Mutation(
        "A3",
        "the bounds of the start of an outage exclude the truth",
        "core/dating.py",
        "    return Dated(proof + interval / 2, since - waited_s, proof + PACE * interval)\n",
        "    return Dated(proof + interval / 2, proof + interval / 2, proof + PACE * interval)\n",
    ),
    "end-at-proof": Mutation(
        "E2",
        "an outage by silence ends with the proof",
        "core/dating.py",
        "    silent = boot is Boot.SAME and (unseen or",
        "    silent = boot is Boot.UNKNOWN and (unseen and",
    ),
    "return-ignored": Mutation(
        "E2",
        "evidence of a return does not end an outage",
        "core/dating.py",
        "    if due <= camera.return_arrived_at and due - interval <= camera.returned_at <= proof:\n",
        "    if proof < camera.return_arrived_at <= due:\n",
    ),
    "new-boot-shifted": Mutation(
        "E2",
        "a new boot ends an outage half an interval before its proof",
        "core/dating.py",
        "    if boot is Boot.NEW:\n        #",
        "    if boot is Boot.NEW:\n        sent -= interval / 2\n        #",
    ),
    "silence-is-up": Mutation(
        "E3",
        "time between proofs is up, however far apart they are",
        "core/state_machine.py",
        "        if camera.underlying_status is Status.UP and at - camera.proof > camera.down_s:\n",
        "        if camera.underlying_status is Status.UP and at < camera.proof:\n",
    ),
    "gap-in-outage": Mutation(
        "E3",
        "a short gap within an outage is down",
        "core/state_machine.py",
        "        if camera.underlying_status is Status.DOWN and not long:\n",
        "        if camera.underlying_status is Status.PLANNED and not long:\n",
    ),
    "unseen-return-is-down": Mutation(
        "E3",
        "a camera that came back during a gap is down until its first heartbeat",
        "core/state_machine.py",
        "        elif camera.underlying_status is Status.DOWN and NEVER < hidden <= at:\n",
        "        elif camera.underlying_status is Status.PLANNED and NEVER < hidden <= at:\n",
    ),
    "kept-is-of-now": Mutation(
        "E3",
        "a message kept by a broker during a gap is a proof of when it arrived",
        "core/monitor.py",
        "        if kept > NEVER and waited_s > 0.0:\n",
        "        if kept > NEVER and waited_s > _FOREVER:\n",
    ),
    "kept-undated-is-of-now": Mutation(
        "E3",
        "a message kept by a broker is a proof, though it does not show when it was sent",
        "core/monitor.py",
        "        if kept > NEVER and not datable:",
        "        if kept == _FOREVER and not datable:",
    ),
    "unseen-boot-at-proof": Mutation(
        "E2",
        "a camera that booted during a gap comes back with its proof",
        "core/dating.py",
        "    unseen = camera.hidden_to >= due",
        "    unseen = camera.hidden_to > proof",
    ),
    "unseen-is-up": Mutation(
        "E3",
        "the time before visibility returned is up until the outage",
        "core/state_machine.py",
        "        if camera.underlying_status is Status.UP and unknown.at < dated.at"
        " and dating.returned(camera):\n",
        "        if camera.underlying_status is Status.PLANNED and unknown.at < dated.at:\n",
    ),
    "backfills-spare-down": Mutation(
        "E4",
        "late heartbeats leave an outage as it is",
        "accounting/timeline.py",
        "Status.UP, (Status.UNKNOWN, Status.DOWN))\n",
        "Status.UP, (Status.UNKNOWN,))\n",
    ),
    "backfill-beyond-boot": Mutation(
        "E4",
        "a late heartbeat proves time before its boot",
        "core/backfill.py",
        "    back = half if uptime_s is None else min(half, round(uptime_s * 1000))\n",
        "    back = half\n",
    ),
    "certain-up": Mutation(
        "E5",
        "a camera that is up is certain until its next heartbeat is due",
        "core/deadlines.py",
        "            limit = min(limit, camera.proof + camera.interval_s / 2)\n",
        "            limit = min(limit, camera.proof + camera.interval_s)\n",
    ),
    "certain-down": Mutation(
        "E5",
        "a camera that is down is certain up to the last packet",
        "core/deadlines.py",
        "            limit -= camera.interval_s / 2\n",
        "            limit -= 0.0\n",
    ),
    "lag-ignored": Mutation(
        "S11",
        "deadlines are not compared with event time",
        "core/state_machine.py",
        "        until = deadlines.decision_deadline(camera) + camera.link_group.lag\n"
        "        if now.mono < until",
        "        until = deadlines.decision_deadline(camera)\n        if now.mono < until",
    ),
    "late-shows-no-lag": Mutation(
        "S11",
        "a late message shows that the link is up to date",
        "core/visibility.py",
        "            until = link.sent_late\n",
        "            until = now.mono\n",
    ),
    "backlog-ignored": Mutation(
        "S11",
        "a link is visible before its backlog has arrived",
        "core/visibility.py",
        "        link.up, link.catching_up = True, backlog\n",
        "        link.up, link.catching_up = True, False\n",
    ),
    "lag-is-not-a-gap": Mutation(
        "S11",
        "a lag longer than cameras may be silent is not a gap",
        "core/event_time.py",
        "    link.lagging = link.seen_until > NEVER and link.lag > shortest_silence(link)\n",
        "    link.lagging = False\n",
    ),
    "clockless-is-on-time": Mutation(
        "S11",
        "cameras without a clock count as evidence against a lag",
        "core/event_time.py",
        "        if camera.index in late or camera.clock_offset == FOREVER:\n",
        "        if camera.index in late:\n",
    ),
    "copies-show-no-lag": Mutation(
        "S13",
        "a duplicate of another link's message does not show a lag",
        "core/monitor.py",
        "        if late_s > camera.interval_s:\n            event_time.record_late",
        "        if late_s == _FOREVER:\n            event_time.record_late",
    ),
    "lost-link-is-visible": Mutation(
        "S13",
        "a camera is visible though the link of its proofs is lost",
        "core/visibility.py",
        "if camera.proof_link is link and camera.proof_link_down_since is None:\n",
        "if camera.proof_link is None:\n",
    ),
    "date-passed-during-stop": Mutation(
        "V1",
        "a service date that passes during a stop takes effect at the start",
        "core/checkpoint.py",
        "        camera.inventory_changed_at, camera.since = NEVER, since\n",
        "        camera.since = since\n",
    ),
}
