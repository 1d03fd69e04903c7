"""Logging by structlog: one line per event, as JSON or as console text, without secrets.

Lines of camwatch and of libraries pass the same processors and go to standard error by default. The daemon
writes through a `LogWriter`, so that a blocked log does not block the daemon.
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
from typing import Any, Self, TextIO, TypeAlias, cast
from zoneinfo import ZoneInfo

import msgspec
import structlog

from camwatch.core.events import Event, IncidentEvent, Reboot, Transition
from camwatch.core.model import Instant, Status
from camwatch.fleet.inventory import Inventory

LINES_KEPT = 10_000
"""The most lines that wait to be written, about 3 MB."""
LAST_WORDS_S = 2.0
"""Seconds that `close` waits for them."""

_BAD = frozenset({Status.DOWN, Status.UNKNOWN})


class LogWriter:
    """A stream that never blocks or fails: its own thread writes the lines.

    Lines are lost, and counted in `dropped`, if the reader hangs or is gone, or the disk is full. Leaving the
    context waits up to `LAST_WORDS_S` for the remaining lines.
    """

    def __init__(self, stream: TextIO, kept: int = LINES_KEPT) -> None:
        self.dropped = 0
        self._counting = threading.Lock()
        self._file = stream.fileno()
        self._is_terminal = stream.isatty()
        self._torn = False  # whether a line was written in part
        self._lines: queue.Queue[bytes | None] = queue.Queue(kept)
        # A daemon thread: if it hangs in a write, the process can still exit.
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue whole lines; drop them if the queue is full."""
        try:
            self._lines.put_nowait(text.encode(errors="backslashreplace"))
        except queue.Full:
            self._drop()
        return len(text)

    def flush(self) -> None:
        """Do nothing: the thread writes without buffering."""

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._is_terminal

    def close(self, within_s: float = LAST_WORDS_S) -> None:
        """Wait until all lines are written, `within_s` seconds at most."""
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
                except BlockingIOError:  # another process set O_NONBLOCK
                    select.select([], [self._file], [])
        except OSError:
            self._torn = self._torn or len(rest) < len(line)
            self._drop()
        else:
            self._torn = False

    def _drop(self) -> None:
        with self._counting:
            self.dropped += 1


_Stream: TypeAlias = TextIO | LogWriter


def configure(style: str, level: str, timezone: ZoneInfo, stream: _Stream = sys.stderr) -> None:
    """Configure structlog and logging; `style` is `json`, `console` or `auto` (console on a terminal)."""
    if style == "auto":
        style = "console" if stream.isatty() else "json"
    finish: list[structlog.typing.Processor] = [structlog.processors.JSONRenderer(serializer=_to_json)]
    if style == "console":
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,  # rich tracebacks show the values of variables
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
    handler: logging.StreamHandler[_Stream] = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def log_strays() -> None:
    """Log errors that the interpreter cannot raise, such as those of finalizers."""
    log = structlog.get_logger("camwatch")

    def strayed(stray: sys.UnraisableHookArgs) -> None:
        where = stray.err_msg or "in a library"
        log.error("unraisable error", error=repr(stray.exc_value or stray.exc_type), where=where)

    sys.unraisablehook = strayed


class EventLogger:
    """Logs one line per event, with the camera's name and with times in the fleet's time zone."""

    def __init__(self, timezone: ZoneInfo) -> None:
        self._timezone = timezone
        self._log = structlog.get_logger("fleet")

    def log(self, events: Iterable[Event], inventory: Inventory) -> None:
        """Log events in order."""
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
    """Escape line breaks and terminal control sequences: clients choose topics freely."""
    for key, value in event.items():
        if isinstance(value, str) and key != "exception" and not value.isprintable():
            shown = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)
            event[key] = "".join(shown)
    return event


def _to_json(event: dict[str, Any], **_options: object) -> str:
    try:
        return msgspec.json.encode(event, enc_hook=str).decode()
    except UnicodeEncodeError:  # a file name that is not UTF-8
        return json.dumps(event, default=str)
