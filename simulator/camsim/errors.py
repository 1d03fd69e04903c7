"""Errors that camsim raises on purpose: wrong usage (exit code 2) and failures of a run (1)."""

from __future__ import annotations


class CamsimError(Exception):
    """Base of every error that camsim raises on purpose; anything else is a bug."""


class UsageError(CamsimError):
    """Wrong usage: repeating the command does not help."""


class FleetError(UsageError):
    """The table of cameras cannot be used. `line` is 0 for the whole file."""

    def __init__(self, file: object, line: int, problem: str) -> None:
        super().__init__(f"{file}:{line}: {problem}" if line else f"{file}: {problem}")


class ScenarioError(UsageError):
    """A scenario cannot be read, or does not fit the fleet: `problems`, each with its place."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        head = "" if len(problems) == 1 else f"{len(problems)} mistakes:\n  "
        super().__init__(head + "\n  ".join(problems))


class BrokerError(UsageError):
    """The broker's address, a file needed to connect to it, or its commands cannot be used."""


class ScoreError(UsageError):
    """The input of a score cannot be read, or a figure does not exist."""


class ConnectError(CamsimError):
    """No camera could connect; the message has the remedy."""


class DeviceError(CamsimError):
    """A camera failed unexpectedly, so it did not follow the ground truth."""


class LimitError(CamsimError):
    """The operating system allows this process fewer open connections than there are cameras."""
