"""Topics: read, written, and subscribed to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from camwatch.wire.topics import (
    DEFAULT_PREFIX,
    MessageKind,
    TopicAddress,
    canary_topic,
    parse_topic,
    subscriptions,
    topic_of,
)

ids = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)
prefixes = st.lists(st.from_regex(r"[a-z0-9_.-]{1,8}", fullmatch=True), min_size=1, max_size=4).map("/".join)
addresses = st.builds(TopicAddress, ids, ids, st.sampled_from(MessageKind))


def test_a_topic_reads_and_writes_as_the_contract_says() -> None:
    address = TopicAddress("ville", "cam-0001", MessageKind.HEARTBEAT)
    assert topic_of(DEFAULT_PREFIX, address) == "camwatch/v1/ville/cam-0001/heartbeat"
    assert parse_topic(DEFAULT_PREFIX, "camwatch/v1/ville/cam-0001/heartbeat") == address
    status = TopicAddress("sacogiva", "les-mees-1", MessageKind.STATUS)
    assert parse_topic(DEFAULT_PREFIX, "camwatch/v1/sacogiva/les-mees-1/status") == status


@pytest.mark.parametrize(
    "topic",
    [
        "", "/", "camwatch", "camwatch/v1", "camwatch/v1/", "camwatch/v1/heartbeat",
        "camwatch/v1/ville/heartbeat", "camwatch/v1/ville/cam/1/heartbeat",
        "camwatch/v1/ville/cam/heartbeat/", "/camwatch/v1/ville/cam/heartbeat",
        "camwatch/v1/ville/cam/Heartbeat", "camwatch/v1/ville/cam/telemetry", "camwatch/v1/ville/cam/",
        "camwatch/v2/ville/cam/heartbeat", "camwatch/v10/ville/cam/heartbeat",
        "camwatch/v1ville/cam/heartbeat", "Camwatch/v1/ville/cam/heartbeat",
        "x/camwatch/v1/ville/cam/heartbeat", "$SYS/broker/uptime",
    ],
)  # fmt: skip
def test_a_topic_of_another_shape_is_not_ours(topic: str) -> None:
    assert parse_topic(DEFAULT_PREFIX, topic) is None


def test_the_filters_of_all_operators_name_none() -> None:
    assert subscriptions(DEFAULT_PREFIX) == ("camwatch/v1/+/+/heartbeat", "camwatch/v1/+/+/status")


def test_the_filters_of_some_operators_name_each() -> None:
    assert subscriptions("p", ("ville", "sacogiva")) == (
        "p/ville/+/heartbeat",
        "p/ville/+/status",
        "p/sacogiva/+/heartbeat",
        "p/sacogiva/+/status",
    )


@given(prefixes, addresses)
def test_any_address_comes_back_from_its_topic(prefix: str, address: TopicAddress) -> None:
    assert parse_topic(prefix, topic_of(prefix, address)) == address


@given(prefixes, st.text(st.characters(exclude_characters="\x00"), max_size=80))
def test_any_topic_is_one_address_or_none(prefix: str, text: str) -> None:
    for topic in (text, f"{prefix}/{text}", f"{prefix}/{text}/heartbeat", f"{prefix}/{text}/x/status"):
        address = parse_topic(prefix, topic)
        assert address is None or topic_of(prefix, address) == topic


@given(prefixes, addresses, st.lists(ids, max_size=4).map(tuple))
def test_the_filters_carry_the_topics_of_their_operators_and_no_other(
    prefix: str, address: TopicAddress, operators: tuple[str, ...]
) -> None:
    topic = topic_of(prefix, address)
    carrying = [one for one in subscriptions(prefix, operators) if topic_matches_sub(one, topic)]
    assert bool(carrying) == (not operators or address.operator in operators)


@given(prefixes, prefixes, addresses)
def test_a_topic_under_another_prefix_is_not_ours(prefix: str, other: str, address: TopicAddress) -> None:
    topic = topic_of(other, address)
    assert (parse_topic(prefix, topic) is None) == (prefix != other)


def test_the_topic_of_a_canary_is_no_cameras() -> None:
    """S12: no operator has a dollar sign in its id."""
    topic = canary_topic(DEFAULT_PREFIX, "camwatch")
    assert topic == "camwatch/v1/$canary/camwatch"
    assert parse_topic(DEFAULT_PREFIX, topic) is None
