"""The exceptions of camwatch: one base, few leaves, each with a remedy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum


class CamwatchError(Exception):
    """Base of every exception that camwatch raises on purpose; any other is a bug."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One fault of a setting or an inventory table.

    `place` is the file (with line and column if known) or the setting, `problem` the fault and the remedy.
    """

    place: str
    problem: str

    def __str__(self) -> str:
        """Return the line that users see."""
        return f"{self.place}: {self.problem}"


class ConfigError(CamwatchError):
    """Settings or inventory cannot be used; `problems` has every fault."""

    def __init__(self, faults: tuple[ConfigProblem, ...]) -> None:
        self.problems = faults
        super().__init__("\n".join(str(fault) for fault in faults))


class InUseError(CamwatchError):
    """The address or the store is in use by another process: trying again may help."""


class RejectReason(StrEnum):
    """Why a message was rejected; the `reason` label of `camwatch_messages_rejected_total`."""

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
    """A message from a camera is rejected. The only exception that `wire` raises on input."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class LinkError(CamwatchError):
    """A session with a broker failed; camwatch retries. `hint` is the remedy."""

    def __init__(self, link: str, problem: str, hint: str = "") -> None:
        self.link = link
        self.problem = problem
        self.hint = hint
        super().__init__(f"link {link}: {problem}" + (f" ({hint})" if hint else ""))


class StoreError(CamwatchError):
    """The store failed and the transaction was not stored. `hint` is the remedy."""

    def __init__(self, problem: str, hint: str = "") -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(f"the store: {problem}" + (f" ({hint})" if hint else ""))


class ClockError(CamwatchError):
    """The system clock shows a date before any record can begin; `shows_ms` is UTC milliseconds."""

    def __init__(self, shows_ms: int) -> None:
        self.shows_ms = shows_ms
        date = datetime.fromtimestamp(shows_ms / 1000, UTC).date()
        super().__init__(f"the system clock shows {date}: set it and start again (see timedatectl)")


class StoreWentBackError(StoreError):
    """The store is older than what camwatch wrote last (H1): nothing was stored. `Store.load` adopts it."""


class CorrectionError(CamwatchError):
    """A correction is not valid; the text gives the reason and the remedy."""


class ReportRequestError(CamwatchError):
    """A report request cannot be answered; the text lists what is available."""
