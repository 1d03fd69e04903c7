"""The AsyncAPI 3.0 description of both messages, from the camera's point of view: what it sends, and how."""

from __future__ import annotations

from camwatch.core.telemetry import SessionStatus
from camwatch.wire.heartbeat import StatusMessage, encode_status
from camwatch.wire.topics import DEFAULT_PREFIX, MessageKind, TopicAddress, topic_of
from tools.docs.heartbeat_schema import EXAMPLES, Json, as_text, heartbeat, of_struct

_BINDING = "0.2.0"  # version of AsyncAPI's MQTT bindings


def text() -> str:
    """Return the document as the text of `docs/reference/asyncapi.json`."""
    return as_text(
        {
            "asyncapi": "3.0.0",
            "id": "urn:camwatch:v1",
            "info": _info(),
            "defaultContentType": "application/json",
            "servers": {"broker": _server()},
            "channels": {kind.value: _channel(kind) for kind in MessageKind},
            "operations": _operations(),
            "components": {
                "parameters": _parameters(),
                "messages": {"heartbeat": _heartbeat_message(), "status": _status_message()},
                "schemas": {"heartbeat": heartbeat(), "status": of_struct(StatusMessage)},
            },
        }
    )


def _info() -> Json:
    return {
        "title": "camwatch messages",
        "version": "1.0.0",
        "description": (
            "What a camera publishes so that camwatch knows whether it is alive. The topic prefix "
            f"`{DEFAULT_PREFIX}` can be set; `docs/reference/messages.md` explains the meaning of each field."
        ),
        "license": {"name": "Apache-2.0"},
    }


def _server() -> Json:
    return {
        "host": "{host}:{port}",
        "protocol": "mqtt",
        "description": "Any MQTT 5 or 3.1.1 broker; the binding shows the last will that a camera leaves.",
        "variables": {"host": {"default": "localhost"}, "port": {"default": "1883"}},
        "bindings": {
            "mqtt": {
                "lastWill": {
                    "topic": _address(MessageKind.STATUS),
                    "qos": 1,
                    "message": encode_status(SessionStatus.OFFLINE).decode(),
                    "retain": True,
                },
                "keepAlive": 30,
                "bindingVersion": _BINDING,
            }
        },
    }


def _address(kind: MessageKind) -> str:
    return topic_of(DEFAULT_PREFIX, TopicAddress("{operator}", "{camera}", kind))


def _channel(kind: MessageKind) -> Json:
    return {
        "address": _address(kind),
        "messages": {kind.value: {"$ref": f"#/components/messages/{kind}"}},
        "parameters": {name: {"$ref": f"#/components/parameters/{name}"} for name in ("operator", "camera")},
    }


def _parameters() -> Json:
    return {
        "operator": {
            "description": "Id of the organisation that runs the camera, as in `operators.csv`.",
            "examples": ["ville"],
        },
        "camera": {
            "description": "Id of the camera, as in `cameras.csv`: lower-case letters, digits, hyphens.",
            "examples": ["cam-0001"],
        },
    }


def _operations() -> Json:
    return {
        "sendHeartbeat": _send(
            MessageKind.HEARTBEAT,
            "Show that the camera is alive, once per interval (10 s unless agreed otherwise). QoS 0 will do; "
            "QoS 1 lets a broker keep the message while camwatch restarts. Never retained.",
            retain=False,
        ),
        "sendStatus": _send(
            MessageKind.STATUS,
            "Publish `online` after each connection and `goodbye` before a clean stop. The broker publishes "
            "`offline` in the camera's name: leave that as the last will of the session.",
            retain=True,
        ),
    }


def _send(kind: MessageKind, description: str, *, retain: bool) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{kind}"},
        "description": description,
        "messages": [{"$ref": f"#/channels/{kind}/messages/{kind}"}],
        "bindings": {"mqtt": {"qos": 1, "retain": retain, "bindingVersion": _BINDING}},
    }


def _heartbeat_message() -> Json:
    return {
        "title": "Heartbeat",
        "summary": "A camera's life sign; an empty payload is one as well.",
        "payload": {"$ref": "#/components/schemas/heartbeat"},
        "examples": [
            {"name": name, "payload": payload}
            for name, payload in zip(("usual", "talkative", "bare"), EXAMPLES, strict=True)
        ],
    }


def _status_message() -> Json:
    return {
        "title": "Status",
        "summary": "A word about the camera's session with its broker.",
        "payload": {"$ref": "#/components/schemas/status"},
        "examples": [{"name": word.value, "payload": {"status": word.value}} for word in SessionStatus],
    }
