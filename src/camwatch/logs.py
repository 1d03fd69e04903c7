"""Logs by structlog: one line per event, as JSON for machines or as text for people; never a secret.

camwatch's own lines and those of the libraries go through the same processors, to standard error by default.
The daemon hands them to a `LogWriter`, so that a log that cannot be written holds nothing up.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol, Self, TextIO, cast
from zoneinfo import ZoneInfo

import msgspec
import structlog

from camwatch.core.events import Event, IncidentEvent, Reboot, Transition
from camwatch.core.model import Instant, Status
from camwatch.fleet.inventory import Inventory

LINES_KEPT = 10_000
"""How many lines wait to be written: some 3 MB."""
LAST_WORDS_S = 2.0
"""How long the end waits for them, seconds."""

_BAD = frozenset({Status.DOWN, Status.UNKNOWN})


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: str, /) -> int:
        """Take a text."""

    def flush(self) -> None:
        """Let what was taken be seen."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""


class LogWriter:
    """Takes lines at once; a thread of its own writes them.

    A reader that hangs or is gone, and a full disk, cost lines, which are counted in `dropped`. Neither
    an error nor a wait reaches whoever logs. A context: its end waits for what is left, for a while.
    """

    def __init__(self, stream: TextIO, kept: int = LINES_KEPT) -> None:
        self.dropped = 0
        self._counting = threading.Lock()
        self._file = stream.fileno()
        self._is_terminal = stream.isatty()
        self._torn = False  # whether a line was written in part
        self._lines: queue.Queue[bytes | None] = queue.Queue(kept)
        # A daemon's thread: where it hangs in a write, the process can still end.
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Take a text of whole lines; drop it where too much waits."""
        try:
            self._lines.put_nowait(text.encode(errors="backslashreplace"))
        except queue.Full:
            self._drop()
        return len(text)

    def flush(self) -> None:
        """Do nothing: what was taken is written soon."""

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._is_terminal

    def close(self, within_s: float = LAST_WORDS_S) -> None:
        """Wait until all is written, but no longer than this."""
        deadline = time.monotonic() + within_s
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=within_s)
            self._thread.join(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            self._put(b"\n" + line if self._torn else line)

    def _put(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._file, rest) :]
                except BlockingIOError:  # somebody else made the file so
                    select.select([], [self._file], [])
        except OSError:
            self._torn = self._torn or len(rest) < len(line)
            self._drop()
        else:
            self._torn = False

    def _drop(self) -> None:
        with self._counting:
            self.dropped += 1


def configure(style: str, level: str, timezone: ZoneInfo, stream: Stream = sys.stderr) -> None:
    """Set the form of the logs: `style` is `json`, `console`, or `auto` (console on a terminal)."""
    if style == "auto":
        style = "console" if stream.isatty() else "json"
    finish: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer(serializer=_to_json)]
    if style == "console":
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,  # others show the values of variables
        )
        finish = [_on_one_line, console]
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        _stamper(timezone),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", stream)),
    )
    handler: logging.StreamHandler[Stream] = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def log_strays() -> None:
    """Log errors that the interpreter can raise to nobody, as a line like any other."""
    log = structlog.get_logger("camwatch")

    def strayed(stray: sys.UnraisableHookArgs) -> None:
        where = stray.err_msg or "in a library"
        log.error(
            "an error that nobody could take", error=repr(stray.exc_value or stray.exc_type), where=where
        )

    sys.unraisablehook = strayed


class EventLogger:
    """Writes one line per happening, with the camera's name and times in the fleet's zone."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        self._log = structlog.get_logger("fleet")

    def log(self, events: Iterable[Event], inventory: Inventory) -> None:
        """Log what happened, in order."""
        for event in events:
            if isinstance(event, Transition):
                self._transition(event, inventory)
            elif isinstance(event, Reboot):
                self._log.info("camera rebooted", camera=event.camera, at=self._local(event.at))
            elif isinstance(event, IncidentEvent):
                (self._log.error if event.opened else self._log.info)(
                    f"{event.kind} incident {'began' if event.opened else 'ended'}",
                    **{event.kind.value: event.id},
                    since=self._local(event.since),
                    cameras=event.cameras,
                )

    def _transition(self, event: Transition, inventory: Inventory) -> None:
        row = inventory.cameras.get(event.camera)
        details: dict[str, object] = {"cause": event.cause} if event.cause else {}
        (self._log.warning if event.new in _BAD else self._log.info)(
            f"camera {event.new}",
            camera=event.camera,
            name=row.name if row else "",
            operator=event.operator,
            site=event.site,
            old=event.old.value,
            new=event.new.value,
            at=self._local(event.at),
            detected_at=self._local(event.detected_at),
            **details,
        )

    def _local(self, instant: Instant) -> str:
        return datetime.fromtimestamp(instant.utc_ms / 1000, self._timezone).isoformat(
            timespec="milliseconds"
        )


def _stamper(timezone: ZoneInfo) -> structlog.typing.Processor:
    def stamp(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["time"] = datetime.now(timezone).isoformat(timespec="milliseconds")
        return event

    return stamp


def _on_one_line(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Escape what would break the line, or steer a terminal: topics are whatever somebody published on."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            shown = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)
            event[key] = "".join(shown)
    return event


def _to_json(event: dict[str, Any], **_options: object) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except UnicodeEncodeError:  # a file's name that is no UTF-8
        return json.dumps(event, default=str)
