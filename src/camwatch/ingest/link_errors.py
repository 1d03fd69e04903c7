"""The errors of a session with a broker, each naming the setting to check.

Every text is for users; none contains the password.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Sequence

import mqtt5

from camwatch.errors import LinkError
from camwatch.ingest.link import LinkSettings

_HOSTNAME_MISMATCH = 62
# Reason codes of MQTT 5 as integers, which the codec's enumerations are not.
_UNSUPPORTED_PROTOCOL = 132
_BAD_CLIENT_ID = 133
_LOGIN_CODES = (134, 135)
_TAKEN_OVER = 142
_USE_3_1_1 = 'if it speaks MQTT 3.1.1 only, set `protocol = "3.1.1"`'


def describe(error: LinkError) -> str:
    """Return the problem and its hint, without the link's name."""
    return f"{error.problem} ({error.hint})" if error.hint else error.problem


def unknown_host(settings: LinkSettings) -> LinkError:
    """Return the error of a failed name resolution."""
    return LinkError(
        settings.name, f"no address is known for host {settings.host!r}", "check `url` and the DNS"
    )


def no_answer(settings: LinkSettings, *, greeted: bool = False) -> LinkError:
    """Return the error of connecting and subscribing for longer than `connect_timeout_s`.

    `greeted`: CONNECT was sent, so that the broker may not support the version.
    """
    problem = f"{_place(settings)} did not answer within {settings.connect_timeout_s:g} s"
    if greeted and settings.protocol == "5":
        return LinkError(
            settings.name, f"{problem}, though it let us in", f"is the broker well? {_USE_3_1_1}"
        )
    return LinkError(settings.name, problem, "check `url`, the network and whether the broker is well")


def unreachable(settings: LinkSettings, error: OSError) -> LinkError:
    """Return the error of a failed TCP connection."""
    if isinstance(error, TimeoutError):
        return no_answer(settings)
    if isinstance(error, socket.gaierror):
        return unknown_host(settings)
    if isinstance(error, ConnectionRefusedError):
        return LinkError(
            settings.name, f"no broker listens at {_place(settings)}", "start the broker, or check `url`"
        )
    return LinkError(
        settings.name,
        f"{_place(settings)} cannot be reached: {_reason(error)}",
        "check `url` and the network",
    )


def broken(settings: LinkSettings, error: BaseException | None) -> LinkError:
    """Return the error of an established connection that ended; None: the broker closed it cleanly."""
    if isinstance(error, ssl.SSLError):
        return bad_tls(settings, error)
    if error is None:
        hint = "its log may say why; two clients with one `client_id` drive each other out"
        return LinkError(settings.name, "the broker closed the connection", hint)
    return LinkError(settings.name, f"the connection broke: {_reason(error)}")


def broken_handshake(settings: LinkSettings, error: OSError) -> LinkError:
    """Return the error of a TCP connection on which no session was established."""
    if settings.tls and not isinstance(error, ssl.SSLError):
        problem = f"{_place(settings)} broke off the TLS handshake: {_reason(error)}"
        return LinkError(settings.name, problem, "does this port speak TLS? check `url`")
    return broken(settings, error)


def silent(settings: LinkSettings) -> LinkError:
    """Return the error of a broker that sends nothing and does not answer (rule S10)."""
    return LinkError(
        settings.name,
        f"no packet for {settings.ping_after_s:g} s, and no answer when asked for as long",
        "the broker is frozen, or the network between is gone",
    )


def starved(settings: LinkSettings) -> LinkError:
    """Return the error of a broker that answers but delivers no message, not even our own (rule S12)."""
    problem = f"the broker answers but delivers nothing: no message for {settings.ping_after_s:g} s"
    hint = (
        f"not even the canary on {settings.canary} came back: check access list and queue of {settings.who}"
    )
    return LinkError(settings.name, problem, hint)


def canary_behind(settings: LinkSettings) -> LinkError:
    """Return the error of messages that arrive while no canary comes back."""
    hint = (
        f"a backlog goes first; if there is none, let {settings.who} write and read {settings.canary} in the "
        "broker's access list"
    )
    return LinkError(settings.name, "messages come in, but no canary among them", hint)


def canary_refused(settings: LinkSettings, code: int) -> LinkError:
    """Return the error of a refused canary."""
    problem = f"the broker refuses the canary on {settings.canary}: reason code {code}"
    hint = f"let {settings.who} write and read that topic in the broker's access list"
    return LinkError(settings.name, problem, hint)


def unusable_file(settings: LinkSettings, setting: str, path: object, error: Exception) -> LinkError:
    """Return the error of a certificate or key file that cannot be loaded."""
    return LinkError(
        settings.name, f"`{setting}` {path} cannot be used: {_reason(error)}", f"check `{setting}`"
    )


def bad_tls(settings: LinkSettings, error: ssl.SSLError) -> LinkError:
    """Return the error of a TLS handshake, with the side that refused it."""
    place = _place(settings)
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code == _HOSTNAME_MISMATCH or "doesn't match" in str(error):
            problem = f"the certificate of {place} is for another name: {error.verify_message}"
            return LinkError(settings.name, problem, "check `url`")
        trust = (
            f"`ca_file` {settings.ca_file}" if settings.ca_file else "the system's authorities (no `ca_file`)"
        )
        problem = f"the certificate of {place} is not trusted by {trust}: {error.verify_message}"
        return LinkError(settings.name, problem, "set `ca_file` to the authority that signed it")
    if "ALERT" in (error.reason or ""):
        problem = f"the broker refused the TLS session: {_tls_reason(error)}"
        return LinkError(settings.name, problem, "check `cert_file` and `key_file`")
    if (error.reason or "") in (
        "WRONG_VERSION_NUMBER",
        "UNEXPECTED_EOF_WHILE_READING",
        "RECORD_LAYER_FAILURE",
    ):
        problem = f"{place} does not speak TLS: {_tls_reason(error)}"
        return LinkError(settings.name, problem, "use mqtt:// or ws://, or check the port in `url`")
    return LinkError(settings.name, f"TLS with {place} failed: {_tls_reason(error)}")


def not_a_websocket(settings: LinkSettings, error: Exception) -> LinkError:
    """Return the error of a refused WebSocket."""
    problem = f"{_place(settings)} does not take up a WebSocket at {settings.path}: {error}"
    return LinkError(settings.name, problem, "check the port and the path in `url`")


def protocol_error(settings: LinkSettings, detail: object, *, first: bool) -> LinkError:
    """Return the error of bytes that are not an MQTT packet; `first`: they answer CONNECT."""
    if first and settings.protocol == "5":
        return LinkError(settings.name, f"the broker's first answer is not MQTT 5: {detail}", _USE_3_1_1)
    return LinkError(
        settings.name, f"what came cannot be taken as MQTT: {detail}", "is there a broker behind `url`?"
    )


def too_large(settings: LinkSettings, size: int, limit: int) -> LinkError:
    """Return the error of a packet larger than CONNECT allows."""
    return LinkError(
        settings.name, f"the broker sent a packet of {size} bytes, though we take {limit} at most"
    )


def unanswered_connect(settings: LinkSettings) -> LinkError:
    """Return the error of a connection that ended without an answer to CONNECT."""
    problem = f"{_place(settings)} closed the connection without an answer to CONNECT"
    version = _USE_3_1_1 if settings.protocol == "5" else 'try `protocol = "5"`'
    if not settings.tls:
        hint = "if the port wants TLS, use mqtts:// or wss://"
    else:
        hint = "if it wants a client certificate, set `cert_file` and `key_file`"
    return LinkError(settings.name, problem, f"{version}; {hint}")


def refused(settings: LinkSettings, code: int, detail: str | None = None) -> LinkError:
    """Return the error of a refused CONNECT; `code` is a reason code of MQTT 5."""
    reason = _named(mqtt5.ConnAckReasonCode, code) + (f", {detail}" if detail else "")
    if code == _UNSUPPORTED_PROTOCOL:
        hint = _USE_3_1_1 if settings.protocol == "5" else 'try `protocol = "5"`'
        return LinkError(settings.name, f"the broker refuses MQTT {settings.protocol}: {reason}", hint)
    if code in _LOGIN_CODES:
        problem = f"the broker refuses {settings.who}: {reason}"
        return LinkError(settings.name, problem, "check `username` and `password_file`")
    if code == _BAD_CLIENT_ID:
        problem = f"the broker refuses client id {settings.client_id!r}: {reason}"
        return LinkError(settings.name, problem, "set another `client_id`")
    return LinkError(settings.name, f"the broker refuses the session: {reason}")


def disconnected_by_broker(settings: LinkSettings, code: int, detail: str | None = None) -> LinkError:
    """Return the error of a session that the broker ended with DISCONNECT."""
    reason = _named(mqtt5.DisconnectReasonCode, code) + (f", {detail}" if detail else "")
    hint = ""
    if code == _TAKEN_OVER:
        hint = f"another client came as {settings.client_id!r}: each daemon needs its own `client_id`"
    return LinkError(settings.name, f"the broker ended the session: {reason}", hint)


def subscription_refused(settings: LinkSettings, codes: Sequence[int]) -> LinkError | None:
    """Return the error of topic filters that a SUBACK refuses, or None if all are granted."""
    if len(codes) != len(settings.filters):
        problem = f"the broker answered for {len(codes)} topic filters, not {len(settings.filters)}"
        return LinkError(settings.name, problem)
    refusals = [
        f"{pattern} ({_named(mqtt5.SubAckReasonCode, code)})"
        for pattern, code in zip(settings.filters, codes, strict=True)
        if code >= 128
    ]
    if not refusals:
        return None
    problem = f"the broker refuses the subscription to {', '.join(refusals)}"
    return LinkError(settings.name, problem, "let this user read them in the broker's access list")


def qos_downgraded(settings: LinkSettings, codes: Sequence[int]) -> str | None:
    """Return the warning about topic filters that are granted with QoS 0 only, or None."""
    weak = [pattern for pattern, code in zip(settings.filters, codes, strict=True) if code == 0]
    if not weak:
        return None
    return (
        f"the broker grants only QoS 0 for {', '.join(weak)}: it keeps no messages for us while we are away, "
        "so a restart of camwatch leaves its own length unknown"
    )


def _place(settings: LinkSettings) -> str:
    return f"{settings.host}:{settings.port}"


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLError):
        return _tls_reason(error)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__


def _tls_reason(error: ssl.SSLError) -> str:
    return (error.reason or str(error)).lower().replace("_", " ")


def _named(
    codes: type[mqtt5.ConnAckReasonCode | mqtt5.DisconnectReasonCode | mqtt5.SubAckReasonCode], code: int
) -> str:
    try:
        return codes(code).name.lower().replace("_", " ")
    except ValueError:
        return f"reason code {code}"
