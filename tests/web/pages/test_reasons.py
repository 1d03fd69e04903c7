"""Why a link does not work, as people read it in French: no phrase is left in English."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from camwatch.errors import LinkError
from camwatch.ingest import problems
from camwatch.ingest.link import LinkSettings
from camwatch.web.pages.reasons import reason_in

PLAIN = LinkSettings("main", "mqtt", "broker.lan", 1883, "5", "camwatch", ("a/#", "b/#"), canary="a/c")
SAFE = replace(PLAIN, scheme="mqtts", username="camwatch-b", protocol="3.1.1")
ENGLISH = {
    "the", "an", "is", "it", "if", "not", "no", "for", "of", "and", "or", "to", "check", "set", "let",
    "broker", "came", "comes", "answer", "connection", "this", "by", "with", "user", "did", "within", "late",
}  # fmt: skip


def failed(reason: str = "") -> ssl.SSLError:
    """Return an error of TLS; what it says is the library's, and stays as it is."""
    error = ssl.SSLError("x")
    error.reason = reason
    return error


def untrusted(code: int) -> ssl.SSLCertVerificationError:
    """Return why a certificate was not taken."""
    error = ssl.SSLCertVerificationError("x")
    error.verify_code, error.verify_message = code, "x"
    return error


def reasons(settings: LinkSettings) -> list[LinkError]:
    """Return one of each that can be said."""
    found = problems.ungranted(settings, [135, 135])
    assert found is not None
    return [
        problems.unknown_host(settings),
        problems.no_answer(settings),
        problems.no_answer(settings, greeted=True),
        problems.unreachable(settings, ConnectionRefusedError()),
        problems.unreachable(settings, OSError("x")),
        problems.broken(settings, None),
        problems.broken(settings, OSError("x")),
        problems.broken_handshake(settings, OSError("x")),
        problems.silent(settings),
        problems.starved(settings),
        problems.canary_behind(settings),
        problems.canary_refused(settings, 135),
        problems.unusable_file(settings, "ca_file", "/x", OSError("x")),
        problems.bad_tls(settings, untrusted(62)),
        problems.bad_tls(settings, untrusted(1)),
        problems.bad_tls(replace(settings, ca_file=Path("/x")), untrusted(1)),
        problems.bad_tls(settings, failed("ALERT_X")),
        problems.bad_tls(settings, failed("WRONG_VERSION_NUMBER")),
        problems.bad_tls(settings, failed("X")),
        problems.not_a_websocket(settings, OSError("x")),
        problems.unreadable(settings, "x", first=True),
        problems.unreadable(settings, "x", first=False),
        problems.too_large(settings, 2, 1),
        problems.unanswered_connect(settings),
        *(problems.refused(settings, code, "x") for code in (132, 133, 135, 151)),
        problems.dismissed(settings, 142),
        problems.ungranted(settings, [0]) or found,
        found,
    ]


SAID = [problems.in_words(error) for settings in (PLAIN, SAFE) for error in reasons(settings)]
OURS = [
    "not connected yet",
    "messages arrive 6 s late, longer than a camera may be silent",
    "is the broker overloaded, or the network?",
    "what the broker kept is still arriving, 46 s after the connection",
]
LIBRARYS = (
    "wrong version number", "unsupported protocol version", "client id not valid", "not authorized",
    "quota exceeded", "session taken over",
)  # fmt: skip


@pytest.mark.parametrize("reason", [*SAID, *OURS])
def test_every_reason_is_said_in_french(reason: str) -> None:
    french = reason_in("fr", reason)
    for theirs in LIBRARYS:
        french = french.replace(theirs, "")
    words = {word.strip("(),.:;?").lower() for word in french.split()}
    assert words & ENGLISH == set(), french
    assert reason_in("en", reason) == reason


def test_what_a_broker_says_itself_stays_as_it_came() -> None:
    reason = problems.in_words(problems.dismissed(PLAIN, 139, "back at noon"))
    assert reason_in("fr", reason).endswith(", back at noon")
