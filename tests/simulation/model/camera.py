"""Reference model of one camera: its status by the rules, from what reached camwatch.

It shares no code with the core. All it takes from the core is how far status time is accounted, and verdicts
that the rules leave open. Instants are whole milliseconds on the axis of the process: UTC at its start, plus
monotonic time since.
"""

from __future__ import annotations

from camwatch.core.model import Camera, Lifecycle
from tests.simulation.model.camera_state import ACCOUNTED, CameraState
from tests.simulation.model.records import (
    NEVER,
    Moment,
    Proof,
    Return,
)


class CameraModel(CameraState):
    """One camera: its transitions, and its place in the inventory."""

    # --- transitions

    def tick(self, now: Moment) -> bool:
        """Apply what is due (V1, S4, L3); return whether its deadline has just passed."""
        if self.status == "planned":
            self._check_service_date(now)
            return False
        gap_start = self.gap_start
        if gap_start is not None:
            if self.status in ("up", "down") and now.at - gap_start >= self.down_after:
                self._loses_sight(gap_start, now)
            if (
                self.proof_link_down_since is not None
                and now.at - self.proof_link_down_since >= self.down_after
            ):  # S13
                self.proof_link_down_since = None
                if self.group.gap_start is None:
                    self.on_visible(now, first=False)
            return False
        if (
            self.status not in ("up", "unknown")
            or self.held
            or now.at < self.decision_deadline + self.group.lag
        ):
            return False
        self.held = True
        return True

    def _loses_sight(self, gap_start: int, now: Moment) -> None:
        at = min(gap_start, self.proof + self.interval) if self.status == "up" else gap_start
        self._change_status("unknown", at, now)

    def declare_down(self, now: Moment) -> None:
        """Declare it down, now that visibility is proven, unless it gave a proof meanwhile (S10, E1)."""
        self.held = False
        if self.gap_start is not None or self.status not in ("up", "unknown"):
            return
        if now.at < self.decision_deadline + self.group.lag:
            return
        self.returns = tuple(each for each in self.returns if each.at > self.proof)
        hint, hint_at, sign, back = self.hint, self.hint_at, self.proof, self.deadline_moved
        said_at = hint_at - self.group.lag if hint == "goodbye" else hint_at
        self.cause = {"offline": "will", "goodbye": "goodbye"}.get(hint, "timeout")
        if back:  # the time before it was visible again is unknown, whatever the hint
            at = max(self.due - self.interval, min(self.due, hint_at)) if hint else self.due
            unproven = min(sign + self.interval, hint_at) if hint else sign + self.interval
            if self.status == "up" and unproven < at:
                self._change_status("unknown", unproven, now)
        elif hint and said_at - sign < self.interval * 3 // 2:
            at = max(sign, said_at)
        else:
            at = sign + self.interval // 2
        self._change_status("down", at, now, self.cause)

    def become_unknown(self, now: Moment) -> None:
        """Become unknown, for nothing proves any longer that it was visible (S10)."""
        due = self.proof + self.interval
        self._change_status("unknown", min(due, self.hint_at) if self.hint else due, now)

    def on_proof(self, proof: Proof, now: Moment) -> None:
        """Apply a proof (L1, L2, L4, E2, E3)."""
        if self.status == "planned":
            self._check_service_date(now)
        self.prove_alive(proof.at, now)
        if self.status == "down":
            self._end_outage(proof, now)
        elif self.status != "up":
            # Time in a gap is certainly unknown up to now; how much of it is accounted is left open.
            kept = self.group.kept_since is not None
            self.unknown_until = now.at if kept else NEVER
            self._change_status("up", proof.at, now, alternatives=(proof.at, now.at) if kept else ())
        self.hint, self.returns, self.proof_link_down_since = "", (), None
        self._move_proof(proof.at, now)
        self.proofs.append((now.utc - (now.at - proof.at), self.process))
        self.late_before = len(self.late)

    def prove_alive(self, at: int, now: Moment) -> None:
        """Apply that it was alive at an instant, after too long a silence or unseen (E3)."""
        kept = self.group.kept_since
        if self.status == "up" and at - self.proof > self.down_after:
            self._change_status("unknown", self.proof + self.interval, now)
        elif self.status == "down" and kept is not None and kept <= at:
            self._change_status("unknown", kept, now)

    def _move_proof(self, at: int, now: Moment) -> None:
        if at < self.proof:
            return
        returned, moved = self.due - self.interval, self.deadline + at - self.proof
        self.proof, self.proof_utc = at, now.utc - (now.at - at)
        self.deadline_moved = (
            self.deadline_moved and at <= returned and at < now.at
        )  # sent before it was visible again
        if self.deadline_moved:
            self.deadline = min(moved, returned + self.down_after + self.interval)
        else:
            self.deadline_from_proof()

    def _end_outage(self, proof: Proof, now: Moment) -> None:
        at, half = proof.sent, proof.sent - self.interval // 2
        middle = half
        first = at - self.interval * 5 // 4
        unseen = self.hidden_to >= first
        booted = first if proof.uptime is None else at - proof.uptime
        if unseen:  # it came back before it was visible again, or later
            half = max(half, self.hidden_to)
            at = self.hidden_to if proof.boot == "new" and booted <= self.hidden_to else at
        soonest = first - self.interval
        way = [each for each in self.returns if each.by >= first and soonest <= each.at <= proof.at]
        floors = {"new": [booted], "?": [NEVER, booted]}.get(proof.boot, [NEVER])
        run = [each.dated(proof.sent, max(floor, middle)) for floor in floors for each in way]
        silence = half if self.cause == "timeout" else at
        others: tuple[int, ...] = ()
        if run:
            at, others = run[0], (*run[1:], *((silence, half) if way[0] is not self.returns[0] else ()))
        elif proof.boot == "same":
            at = half if unseen else silence
        elif proof.boot == "?":
            others = (silence, half, self.hidden_to) if unseen else (silence,)
        self._change_status("up", at, now, alternatives=others)

    def on_late(self, at: int, now: Moment) -> None:
        """Apply a late heartbeat that was sent at an instant (L8)."""
        if self.status in ("planned", "retired"):
            return
        self.prove_alive(at, now)
        if self.status == "down":
            self.returns += (Return(now.at - self.group.lag, now.at),)
        if at <= self.proof:
            return
        self._move_proof(at, now)

    def on_online(self, now: Moment) -> None:
        """Apply an `online`: no proof (L1), but evidence of a return (E2)."""
        self.hint = ""
        if self.status == "down" or (self.status in ACCOUNTED and not self.group.lag):
            self.returns += (Return(now.at - self.group.lag, now.at),)

    def on_hint(self, word: str, now: Moment, *, retained: bool) -> None:
        """Apply a last will or a goodbye (L5)."""
        if retained:
            if self.status == "unknown" and self.proof == NEVER and self.group.cause != "link":
                if not self.hint:
                    self.hint_at, self.hint_until = now.at, None
                self.hint = word
        elif self.status in ("unknown", "up"):
            if not self.hint or self.hint_until is None:
                self.hint_at, self.hint_until = now.at, now.at + self.will_grace
            self.hint = word

    def on_visible(self, now: Moment, *, first: bool) -> None:
        """Apply the end of a gap (S4, S5, E3); called before its group is visible."""
        gap_start = self.gap_start
        if gap_start is not None:
            self.hidden_to, length = now.at, now.at - gap_start
            expired = self.status == "up" and now.at - self.proof > 2 * self.down_after
            if expired or (self.status in ("up", "down") and length >= self.down_after):
                self._loses_sight(gap_start, now)
            elif self.status == "up":
                self.extend_deadline(length, now)
            elif self.status == "down":
                self._change_status("unknown", gap_start, now)
                self._change_status("down", now.at, now, self.cause)
            self._keep_hint(gap_start, length, now)
        if first and not self.in_service:
            self._open_accounts(now.at, now)
        if self.status == "unknown":
            self._restart_deadline(now.at)

    def distrust_clock(self) -> None:
        """Treat the late heartbeats since its last proof as those of a wrong clock (L8)."""
        late = self.late[self.late_before :]
        self.late[self.late_before :] = [each._replace(sure=False, wrong=True) for each in late]

    def extend_deadline(self, length: int, now: Moment) -> None:
        """Move its deadline past a short gap (S4)."""
        self.due = now.at + self.interval
        self.deadline = min(self.deadline + length + self.interval, self.due + self.down_after)
        self.deadline_moved = True

    def _keep_hint(self, gap_start: int, length: int, now: Moment) -> None:
        # A lost link cancels the hint: a broker that stops publishes last wills of live cameras (L5).
        if not self.hint:
            return
        cause = (
            self.group.cause
            if self.proof_link_down_since is None or self.group.gap_start is not None
            else "link"
        )
        if self.hint_at > gap_start and cause != "link":
            self.hint_until = None if self.hint_until is None else now.at + self.will_grace
        elif cause == "stall" and length < self.down_after:
            self.hint_until = self.hint_until and self.hint_until + length + self.interval
        else:
            self.hint = ""

    # --- inventory

    def apply_inventory(
        self, row: Camera | None, now: Moment, deadlines: tuple[int, int, int], *, started: bool
    ) -> None:
        """Apply an inventory (V1, V2, V6); `deadlines`: interval, down_after, will_grace."""
        if row is None:
            if self.row is not None:
                self._leave_inventory(now)
            self.row = None
            return
        new = self.row is None
        if row != self.row:
            self.row_at = now.at
        if self.in_service and not new:  # what was certain by the old deadlines stays certain
            self.floor = max(self.floor, min(self.certain(now.at), now.at - self.group.lag))
        self._record_site(row.site, now, started=started)
        self.row = row
        if self.interval not in (0, deadlines[0]):  # how far a run of late ones reaches is not yet known
            self.late[:] = [late._replace(sure=False) for late in self.late]
        self.interval, self.down_after, self.will_grace = deadlines
        if not self.deadline_moved:
            self.deadline_from_proof()
        wanted = self._lifecycle_status(row, now)
        away = started and self.status == "planned" and wanted == "unknown"  # its date passed during the stop
        if away:
            self.row_at = NEVER
        elif new:
            self.status = wanted
            self.dismissed += () if wanted == "unknown" else (now.utc,)
        gap_start = self.gap_start
        if (
            started
            and gap_start is not None
            and now.at - gap_start >= self.down_after
            and self.status in ("up", "down")
        ):
            self._loses_sight(gap_start, now)
        self._apply_lifecycle(wanted, now, unseen=away)

    def _record_site(self, site: str, now: Moment, *, started: bool) -> None:
        """Record its site (V7)."""
        self.moved_while_stopped = started and self.site not in ("", site)
        if self.site != site:
            self.sites += ((now.utc, site),)
        self.site = site

    def _apply_lifecycle(self, wanted: str, now: Moment, *, unseen: bool) -> None:
        if wanted == "retired" and self.status != "retired":
            self._leave_service("retired", now)
        elif wanted == "planned":
            if (self.proof == NEVER or self.status == "retired") and self.status not in ("planned", "up"):
                self._leave_service("planned", now)
        elif wanted == "unknown":
            if self.status in ("planned", "retired"):
                self._start_service(
                    now.at if self.status == "retired" else self._service_start(now), now, unseen=unseen
                )
            elif not self.in_service:
                self._open_accounts(now.at, now)

    def _lifecycle_status(self, row: Camera, now: Moment) -> str:
        if row.lifecycle is Lifecycle.RETIRED:
            return "retired"
        if row.in_service_from_ms is not None:
            return "unknown" if row.in_service_from_ms <= now.utc else "planned"
        return "planned" if row.lifecycle is Lifecycle.PLANNED else "unknown"

    def _check_service_date(self, now: Moment) -> None:
        """Enter service if its date has come (V1)."""
        assert self.row is not None
        date = self.row.in_service_from_ms
        if date is not None and date <= now.utc:
            self._start_service(self._service_start(now), now)

    def _service_start(self, now: Moment) -> int:
        assert self.row is not None
        date = self.row.in_service_from_ms
        return self.row_at if date is None else max(self.row_at, now.at - (now.utc - date))

    def _start_service(self, at: int, now: Moment, *, unseen: bool = False) -> None:
        self.status, self.hint = "unknown", ""
        self._open_accounts(at, now, unseen=unseen)

    def _open_accounts(self, at: int, now: Moment, *, unseen: bool = False) -> None:
        if self.status in ACCOUNTED and (self.group.began or self.status == "up" or unseen):
            hint = self.hint
            self._change_status(self.status, at, now)
            self.hint = hint  # entering service is no evidence about the camera
            if self.status == "unknown" and self.group.gap_start is None:
                self._restart_deadline(max(at, self.group.since))

    def _leave_service(self, status: str, now: Moment) -> None:
        if self.in_service:
            self._change_status("", now.at, now)
        self.dismissed += (now.utc,)
        self.status, self.hint, self.held = status, "", False

    def _leave_inventory(self, now: Moment) -> None:
        """Leave the inventory: time that is not yet certain is not accounted."""
        if self.in_service:
            self._change_status("", max(self.certain(now.at), self.floor), now)
        self.forget()

    def end_at_accounted(self, now: Moment) -> None:
        """Leave the inventory during a stop: service ends where it was last accounted."""
        assert self.accounted is not None
        self._change_status("", self.accounted, now)
        self.forget()
        self.row = None
