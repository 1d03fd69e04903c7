"""Logs: one line per event, for machines and for people, in the fleet's time zone, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st

from camwatch.core.events import IncidentEvent, Reboot, Transition
from camwatch.core.model import Cause, IncidentKind, Instant, Status
from camwatch.errors import RejectReason
from camwatch.logs import EventLogger, _on_one_line, _to_json, configure, log_strays
from camwatch.rejections import Rejections
from camwatch.settings import Broker
from tests.support.fleet import camera
from tests.support.monitor_fixture import registered

PARIS = ZoneInfo("Europe/Paris")
NAME = "Rue d'Italie – L'Étoile « Nord »"
SUMMER = Instant(5_000.0, 1_782_907_200_123)  # 2026-07-01, 14:00 in Paris
LATER = SUMMER.shifted(45)

Logs = Callable[..., io.StringIO]


@pytest.fixture
def logs() -> Iterator[Logs]:
    """Configure logging to a stream of the test's own, and put back what was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start(style: str = "json", level: str = "info", stream: io.StringIO | None = None) -> io.StringIO:
        stream = stream or io.StringIO()
        configure(style, level, PARIS, stream)
        return stream

    yield start
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


class Careless:
    """Something that fails where nobody can take the error."""

    def __del__(self) -> None:
        raise ValueError("lost")


def test_an_error_that_nobody_can_take_is_a_line_like_any_other(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)  # put back afterwards
    stream = logs()
    log_strays()
    Careless()
    (line,) = lines(stream)
    assert (line["event"], line["error"]) == ("unraisable error", "ValueError('lost')")


def down(camera_id: str = "cam-1", **parts: object) -> Transition:
    """Return the conviction of a camera."""
    fields: dict[str, object] = {"old": Status.UP, "new": Status.DOWN, "cause": Cause.TIMEOUT}
    fields |= {"at": SUMMER, "detected_at": LATER, "deadline": LATER.mono} | parts
    return Transition(camera_id, "ville", "mairie", **fields)  # type: ignore[arg-type]  # parts of a test


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """Return the lines that were written, each a JSON object."""
    text = stream.getvalue()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n") if line]


def test_a_transition_is_one_line_of_json_with_the_french_name_intact(logs: Logs) -> None:
    stream = logs()
    inventory = registered([camera("cam-1", name=NAME)])
    EventLogger(PARIS).log([down(), down(new=Status.UP, old=Status.DOWN, cause=None)], inventory)
    assert NAME in stream.getvalue()
    first, second = lines(stream)
    told = {key: first[key] for key in first if key != "time"}
    assert told == {
        "event": "camera down",
        "level": "warning",
        "camera": "cam-1",
        "name": NAME,
        "operator": "ville",
        "site": "mairie",
        "old": "up",
        "new": "down",
        "at": "2026-07-01T14:00:00.123+02:00",
        "detected_at": "2026-07-01T14:00:45.123+02:00",
        "cause": "timeout",
    }
    assert (second["event"], second["level"]) == ("camera up", "info")
    assert "cause" not in second


def test_every_line_says_when_it_was_written_in_the_zone_of_the_fleet(logs: Logs) -> None:
    stream = logs()
    structlog.get_logger("camwatch").info("now")
    (line,) = lines(stream)
    written = datetime.fromisoformat(str(line["time"]))
    assert abs(datetime.now(PARIS) - written).total_seconds() < 60
    assert written.utcoffset() == datetime.now(PARIS).utcoffset()


def test_incidents_reboots_and_removed_cameras_have_their_lines(logs: Logs) -> None:
    stream = logs()
    began = IncidentEvent(IncidentKind.SITE, "mairie", True, SUMMER, LATER, 3)
    ended = IncidentEvent(IncidentKind.LINK, "main", False, SUMMER, LATER, 3)
    EventLogger(PARIS).log(
        [began, Reboot("cam-1", "ville", SUMMER), ended, down("gone")], registered([camera()])
    )
    first, second, third, fourth = lines(stream)
    assert (first["event"], first["level"], first["site"]) == ("site incident began", "error", "mairie")
    assert (first["cameras"], first["since"]) == (3, "2026-07-01T14:00:00.123+02:00")
    assert (second["event"], second["camera"]) == ("camera rebooted", "cam-1")
    assert (third["event"], third["level"], third["link"]) == ("link incident ended", "info", "main")
    assert (fourth["event"], fourth["name"]) == ("camera down", "")


def test_quieter_levels_leave_lines_out(logs: Logs) -> None:
    stream = logs(level="warning")
    inventory = registered([camera()])
    EventLogger(PARIS).log([down(), down(new=Status.UP), down(new=Status.UNKNOWN)], inventory)
    assert [line["new"] for line in lines(stream)] == ["down", "unknown"]


def test_what_libraries_log_looks_the_same(logs: Logs) -> None:
    stream = logs()
    logging.getLogger("a.library").warning("port %d is é", 7)
    logging.getLogger("a.library").info("chatter")
    (line,) = lines(stream)
    assert (line["event"], line["level"]) == ("port 7 is é", "warning")
    assert datetime.fromisoformat(str(line["time"])).tzinfo is not None


@pytest.mark.parametrize("style", ["json", "console"])
def test_an_exception_is_logged_with_a_traceback_without_values(logs: Logs, style: str) -> None:
    stream = logs(style)
    password = "geheim" * 2

    def stumble(secret: str) -> None:
        raise RuntimeError(f"as the test asked, {len(secret)}")

    try:
        stumble(password)
    except RuntimeError:
        structlog.get_logger("camwatch").exception("it stumbled")
    text = stream.getvalue()
    assert "Traceback" in text
    assert "as the test asked, 12" in text
    assert password not in text
    if style == "json":
        assert len(lines(stream)) == 1


def test_the_console_form_is_one_readable_line(logs: Logs) -> None:
    stream = logs("console")
    EventLogger(PARIS).log([down()], registered([camera("cam-1", name=NAME)]))
    (line,) = stream.getvalue().splitlines()
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+]0[12]:00 \[warning  \] camera down ", line)
    for part in (f'name="{NAME}"', "camera=cam-1", "cause=timeout", "at=2026-07-01T14:00:00.123+02:00"):
        assert part in line
    assert "\x1b" not in line  # colours are for terminals


def test_nobody_breaks_a_line_or_steers_the_terminal_with_a_topic(logs: Logs) -> None:
    topic = "camwatch/v1/x/\n2026-07-01 [info] all is well\x1b[2J\u2028\x85/heartbeat é"
    for style in ("console", "json"):
        stream = logs(style)
        Rejections().record(RejectReason.UNKNOWN_TOPIC, topic, Instant(0.0, 0), topic=topic)
        structlog.get_logger("x").warning("a\nb", one="\x1b[2J", two="\u2028", three=["\x1b"])
        text = stream.getvalue()
        assert text.count("\n") == 2
        assert "\x1b" not in text
        assert style == "json" or "\u2028" not in text
        assert "é" in text
    assert lines(stream)[0]["topic"] == topic


def test_auto_is_json_unless_there_is_a_terminal(logs: Logs) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream, terminal = logs("auto"), Terminal()
    structlog.get_logger("camwatch").info("hello", who="me")
    assert lines(stream)[0]["who"] == "me"
    logs("auto", stream=terminal)
    structlog.get_logger("camwatch").info("hello", who="me")
    assert "\x1b[" in terminal.getvalue()
    assert "{" not in terminal.getvalue()


def test_logging_can_be_configured_anew(logs: Logs) -> None:
    first = logs()
    logger = structlog.get_logger("camwatch")
    logger.info("one")
    second = logs()
    logger.info("two")
    assert [line["event"] for line in lines(first)] == ["one"]
    assert [line["event"] for line in lines(second)] == ["two"]


@given(
    st.dictionaries(
        st.text(max_size=8),
        st.text(alphabet=st.characters(exclude_categories=()))
        | st.floats()
        | st.integers(-(2**53), 2**53)
        | st.none(),
    )
)
@example({"path": "\udcff"})
def test_whatever_is_logged_is_one_line_of_json(event: dict[str, object]) -> None:
    """Even a file's name that is no UTF-8, which Python writes with lone surrogates."""
    text = _to_json(event)
    assert "\n" not in text
    json.loads(text)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_whatever_is_logged_can_be_printed(value: str) -> None:
    shown = _on_one_line(None, "info", {"topic": value})["topic"]
    assert shown.isprintable()
    assert shown == value or not value.isprintable()


def test_things_without_a_json_form_are_told_as_text(logs: Logs) -> None:
    stream = logs()
    structlog.get_logger("camwatch").info("odd", path=Path("/x"), reason=RejectReason.LATE, found={1})
    (line,) = lines(stream)
    assert (line["path"], line["reason"], line["found"]) == ("/x", "late", [1])


def test_a_broker_and_its_links_settings_never_show_the_password(tmp_path: Path, logs: Logs) -> None:
    file = tmp_path / "password"
    file.write_text("très-secret\n")
    broker = Broker(username="camwatch", password_file=file)
    stream = logs(level="debug")
    structlog.get_logger("camwatch").info("broker", broker=broker, whole=str(broker), exact=repr(broker))
    assert broker.password() == "très-secret"
    assert "secret" not in stream.getvalue().replace(str(file), "")
