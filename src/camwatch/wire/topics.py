"""Where messages go: `{prefix}/{operator}/{camera}/heartbeat` and `…/status`.

The operator segment lets a broker's access list confine a landlord to its own cameras, and the camera
segment a camera to itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

DEFAULT_PREFIX = "camwatch/v1"


class MessageKind(StrEnum):
    """The last segment of a topic: which message it carries."""

    HEARTBEAT = "heartbeat"
    STATUS = "status"


class TopicAddress(NamedTuple):
    """What a topic says about the message on it."""

    operator: str
    camera: str
    kind: MessageKind


def topic_of(prefix: str, address: TopicAddress) -> str:
    """Return the topic on which a camera of an operator publishes this kind of message."""
    return f"{prefix}/{address.operator}/{address.camera}/{address.kind}"


def parse_topic(prefix: str, topic: str) -> TopicAddress | None:
    """Return what `topic` says, or None if it is not one of ours under `prefix`."""
    if not topic.startswith(prefix + "/"):
        return None
    match topic[len(prefix) + 1 :].split("/"):
        case [operator, camera, ("heartbeat" | "status") as kind]:
            return TopicAddress(operator, camera, MessageKind(kind))
        case _:
            return None


def subscriptions(prefix: str, operators: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the topic filters that carry the messages of these operators; of all, if none is named."""
    return tuple(f"{prefix}/{operator}/+/{kind}" for operator in operators or ("+",) for kind in MessageKind)


def canary_topic(prefix: str, client_id: str) -> str:
    """Return the topic on which a client proves to itself that its broker delivers (rule S12)."""
    return f"{prefix}/$canary/{client_id}"  # no operator's: ids have no dollar sign
