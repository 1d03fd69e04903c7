"""What can go wrong by no fault of camsim: wrong usage (exit code 2) and trouble while running (1)."""

from __future__ import annotations


class CamsimError(Exception):
    """Base of every error that camsim raises on purpose; anything else is a bug."""


class UsageError(CamsimError):
    """What the caller asked for cannot be: trying the same again will not help."""


class FleetError(UsageError):
    """The table of cameras cannot be used; `file` and `line` (0: the whole file) say where."""

    def __init__(self, file: object, line: int, problem: str) -> None:
        self.file = file
        self.line = line
        self.problem = problem
        super().__init__(f"{file}:{line}: {problem}" if line else f"{file}: {problem}")


class ScenarioError(UsageError):
    """A scenario cannot be read, or does not fit the fleet: `problems`, each with its place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        count = len(problems)
        head = "" if count == 1 else f"{count} mistakes:\n  "
        super().__init__(head + "\n  ".join(problems))


class BrokerError(UsageError):
    """The broker's address, or a file needed to talk to it, cannot be used."""


class ScoreError(UsageError):
    """The input of a score cannot be read, or a figure does not exist."""


class ConnectError(CamsimError):
    """Not one camera could connect; the message says what the person can do."""


class DeviceError(CamsimError):
    """A camera failed unexpectedly, so it did not do what the ground truth says."""


class LimitError(CamsimError):
    """The operating system does not let this process open as many connections as there are cameras."""

    def __init__(self, needed: int, allowed: int) -> None:
        self.needed = needed
        self.allowed = allowed
        super().__init__(
            f"{needed} open files are needed, the system allows {allowed}: raise the hard limit "
            f"(`ulimit -Hn {needed}` as root, or LimitNOFILE= in a systemd unit) or play a smaller fleet"
        )
