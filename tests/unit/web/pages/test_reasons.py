"""Why a link does not work, as people read it in French: no phrase is left in English."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from camwatch.errors import LinkError
from camwatch.i18n import Language
from camwatch.ingest import link_errors
from camwatch.ingest.link import LinkSettings
from camwatch.web.pages.reasons import translate_reason
from tests.support.reports.record_builders import PARIS

FR, EN = Language("fr", PARIS), Language("en", PARIS)
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
    found = link_errors.subscription_refused(settings, [135, 135])
    assert found is not None
    return [
        link_errors.unknown_host(settings),
        link_errors.no_answer(settings),
        link_errors.no_answer(settings, greeted=True),
        link_errors.unreachable(settings, ConnectionRefusedError()),
        link_errors.unreachable(settings, OSError("x")),
        link_errors.broken(settings, None),
        link_errors.broken(settings, OSError("x")),
        link_errors.broken_handshake(settings, OSError("x")),
        link_errors.silent(settings),
        link_errors.starved(settings),
        link_errors.canary_behind(settings),
        link_errors.canary_refused(settings, 135),
        link_errors.unusable_file(settings, "ca_file", "/x", OSError("x")),
        link_errors.bad_tls(settings, untrusted(62)),
        link_errors.bad_tls(settings, untrusted(1)),
        link_errors.bad_tls(replace(settings, ca_file=Path("/x")), untrusted(1)),
        link_errors.bad_tls(settings, failed("ALERT_X")),
        link_errors.bad_tls(settings, failed("WRONG_VERSION_NUMBER")),
        link_errors.bad_tls(settings, failed("X")),
        link_errors.not_a_websocket(settings, OSError("x")),
        link_errors.protocol_error(settings, "x", first=True),
        link_errors.protocol_error(settings, "x", first=False),
        link_errors.too_large(settings, 2, 1),
        link_errors.unanswered_connect(settings),
        *(link_errors.refused(settings, code, "x") for code in (132, 133, 135, 151)),
        link_errors.disconnected_by_broker(settings, 142),
        link_errors.subscription_refused(settings, [0]) or found,
        found,
    ]


SAID = [link_errors.describe(error) for settings in (PLAIN, SAFE) for error in reasons(settings)]
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
    french = translate_reason(FR, reason)
    for theirs in LIBRARYS:
        french = french.replace(theirs, "")
    words = {word.strip("(),.:;?").lower() for word in french.split()}
    assert words & ENGLISH == set(), french
    assert translate_reason(EN, reason) == reason


def test_what_a_broker_says_itself_stays_as_it_came() -> None:
    reason = link_errors.describe(link_errors.disconnected_by_broker(PLAIN, 139, "back at noon"))
    assert translate_reason(FR, reason).endswith(", back at noon")
