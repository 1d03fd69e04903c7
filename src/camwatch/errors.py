"""What can go wrong by no fault of ours: one base, few leaves, each saying what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class CamwatchError(Exception):
    """Base of every error that camwatch raises on purpose; anything else is a bug."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong in a setting or an inventory table.

    `place` names the file (and line and column where known) or the setting; `problem` says what is
    wrong with it and what to do.
    """

    place: str
    problem: str

    def __str__(self) -> str:
        """Return the one line that a person reads."""
        return f"{self.place}: {self.problem}"


class ConfigError(CamwatchError):
    """Settings or inventory cannot be used; carries every fault found, not just the first."""

    def __init__(self, faults: tuple[ConfigProblem, ...]) -> None:
        self.problems = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class InUseError(CamwatchError):
    """Another has what camwatch needs, an address or the store, just now: trying again may help."""


class RejectReason(StrEnum):
    """Why a message had no effect; the `reason` label of `camwatch_messages_rejected_total`."""

    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    WRONG_OPERATOR = "wrong_operator"
    UNREGISTERED = "unregistered"
    RETAINED = "retained"
    DUPLICATE = "duplicate"
    LATE = "late"
    UNEXPECTED = "unexpected"
    UNKNOWN_TOPIC = "unknown_topic"


class WireError(CamwatchError):
    """A message from a camera cannot be taken. The only error that the wire room raises on input."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class LinkError(CamwatchError):
    """A session with a broker failed. `hint` says what to do; camwatch goes on trying."""

    def __init__(self, link: str, problem: str, hint: str = "") -> None:
        self.link = link
        self.problem = problem
        self.hint = hint
        super().__init__(f"link {link}: {problem}" + (f" ({hint})" if hint else ""))


class StoreError(CamwatchError):
    """The store failed while camwatch runs: nothing of the transaction was stored. `hint` says what to do."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"the store: {problem}" + (f" ({hint})" if hint else ""))


class ClockError(CamwatchError):
    """The machine's clock shows a date on which no record can begin; `shows_ms` is UTC milliseconds."""

    def __init__(self, shows_ms: int) -> None:
        self.shows_ms = shows_ms
        date = datetime.fromtimestamp(shows_ms / 1000, UTC).date()
        super().__init__(f"the machine's clock shows {date}: set it, and start again (see timedatectl)")


class StoreWentBackError(StoreError):
    """The store is not the one that camwatch wrote last (H1): nothing was stored. `Store.load` adopts it."""


class CorrectionError(CamwatchError):
    """A correction of the record cannot be made as it was asked for; the text says why and what to do."""


class ReportRequestError(CamwatchError):
    """The record has no answer to what was asked; the text says what there is instead."""
