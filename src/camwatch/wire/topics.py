"""MQTT topics: `{prefix}/{operator}/{camera}/heartbeat` and `…/status`.

The operator segment lets a broker's access list confine an operator to its own cameras, the camera segment a
camera to itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

DEFAULT_PREFIX = "camwatch/v1"


class MessageKind(StrEnum):
    """The last segment of a topic."""

    HEARTBEAT = "heartbeat"
    STATUS = "status"


class TopicAddress(NamedTuple):
    """The parts of a topic below the prefix."""

    operator: str
    camera: str
    kind: MessageKind


def topic_of(prefix: str, address: TopicAddress) -> str:
    """Return the topic of an address."""
    return f"{prefix}/{address.operator}/{address.camera}/{address.kind}"


def parse_topic(prefix: str, topic: str) -> TopicAddress | None:
    """Return the address in `topic`, or None if it is not a topic of ours under `prefix`."""
    if not topic.startswith(prefix + "/"):
        return None
    match topic[len(prefix) + 1 :].split("/"):
        case [operator, camera, ("heartbeat" | "status") as kind]:
            return TopicAddress(operator, camera, MessageKind(kind))
        case _:
            return None


def subscriptions(prefix: str, operators: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the topic filters for the messages of these operators (empty: all)."""
    return tuple(f"{prefix}/{operator}/+/{kind}" for operator in operators or ("+",) for kind in MessageKind)


def canary_topic(prefix: str, client_id: str) -> str:
    """Return the topic of a client's canary (rule S12)."""
    return f"{prefix}/$canary/{client_id}"  # never an operator's: ids contain no dollar sign
