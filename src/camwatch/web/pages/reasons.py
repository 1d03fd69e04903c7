"""Translates the reasons why a link does not work, which the daemon gives in English, as in its log.

A reason consists of phrases, which are translated one by one. Texts of a broker, the system or a TLS library
are not translated.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from camwatch.i18n import N_, Language

_FIELDS: Final = {"setting": "`\\w+`", "setting_2": "`\\w+`", "user": "'[^']*'", "who": ".+?"}
"""The regular expressions of fields; any other field matches a word."""
_WORD: Final = r"\S+"

_PHRASES: Final = (
    N_("no address is known for host {value}"),
    N_("{value} did not answer within {value_2} s"),
    N_(", though it let us in"),
    N_("no broker listens at {value}"),
    N_("{value} cannot be reached:"),
    N_("the broker closed the connection"),
    N_("the connection broke:"),
    N_("{value} broke off the TLS handshake:"),
    N_("no packet for {value} s, and no answer when asked for as long"),
    N_("the broker answers but delivers nothing: no message for {value} s"),
    N_("messages come in, but no canary among them"),
    N_("the broker refuses the canary on {value}: reason code {value_2}"),
    N_("{setting} {path} cannot be used:"),
    N_("the certificate of {value} is for another name:"),
    N_("the certificate of {value} is not trusted by"),
    N_("the system's authorities (no `ca_file`)"),
    N_("the broker refused the TLS session:"),
    N_("{value} does not speak TLS:"),
    N_("TLS with {value} failed:"),
    N_("{value} does not take up a WebSocket at {value_2}:"),
    N_("the broker's first answer is not MQTT 5:"),
    N_("what came cannot be taken as MQTT:"),
    N_("the broker sent a packet of {value} bytes, though we take {value_2} at most"),
    N_("{value} closed the connection without an answer to CONNECT"),
    N_("the broker refuses MQTT {value}:"),
    N_("the broker refuses client id {value}:"),
    N_("the broker refuses the session:"),
    N_("the broker refuses the subscription to"),
    N_("the broker refuses user {user}:"),
    N_("the broker refuses an anonymous session:"),
    N_("the broker ended the session:"),
    N_("the broker answered for {value} topic filters, not {value_2}"),
    N_("messages arrive {value} s late, longer than a camera may be silent"),
    N_("is the broker overloaded, or the network?"),
    N_("what the broker kept is still arriving, {value} s after the connection"),
    N_("not connected yet"),
    N_("check `url`, the network and whether the broker is well"),
    N_("check `url` and the DNS"),
    N_("check `url` and the network"),
    N_("does this port speak TLS?"),
    N_("is the broker well?"),
    N_("is there a broker behind `url`?"),
    N_("if it speaks MQTT 3.1.1 only, set"),
    N_("try `protocol"),
    N_("start the broker, or check `url`"),
    N_("its log may say why; two clients with one `client_id` drive each other out"),
    N_("the broker is frozen, or the network between is gone"),
    N_("not even the canary on {value} came back: check access list and queue of"),
    N_(
        "a backlog goes first; if there is none, let {who} write and read {value} in the broker's access list"
    ),
    N_("let {who} write and read that topic in the broker's access list"),
    N_("let this user read them in the broker's access list"),
    N_("set `ca_file` to the authority that signed it"),
    N_("use mqtt:// or ws://, or check the port in `url`"),
    N_("check the port and the path in `url`"),
    N_("if the port wants TLS, use mqtts:// or wss://"),
    N_("if it wants a client certificate, set {setting} and"),
    N_("check {setting} and {setting_2}"),
    N_("check {setting}"),
    N_("set another `client_id`"),
    N_("another client came as {value}: each daemon needs its own"),
    N_("user {user}"),
    N_("an anonymous session"),
)


def _pattern(phrase: str) -> re.Pattern[str]:
    def group(field: re.Match[str]) -> str:
        return f"(?P<{field[1]}>{_FIELDS.get(field[1], _WORD)})"

    return re.compile(re.sub(r"\\{(\w+)\\}", group, re.escape(phrase)))


_PATTERNS: Final = {phrase: _pattern(phrase) for phrase in _PHRASES}


def translate_reason(w: Language, reason: str) -> str:
    """Return a reason in a language."""
    for phrase, pattern in _PATTERNS.items():
        translated = w.gettext(phrase)
        if translated != phrase:
            reason = pattern.sub(partial(_fill, translated), reason)
    return reason


def _fill(text: str, found: re.Match[str]) -> str:
    return text.format(**found.groupdict())
