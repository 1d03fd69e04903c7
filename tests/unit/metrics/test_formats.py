"""Both formats, as parsers other than ours read them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from camwatch.core.model import Camera
from camwatch.metrics.camera_renderer import SLICE
from camwatch.metrics.collector import FAMILIES
from camwatch.metrics.families import escaped
from tests.support.examples import examples
from tests.support.fleet import camera
from tests.support.monitor_fixture import City, Scraped, odd_city, registered


def both(city: City) -> tuple[Scraped, Scraped]:
    """Return the same moment in both formats."""
    return Scraped(city.text()), Scraped(city.text(openmetrics=True), openmetrics=True)


def test_both_formats_hold_the_same_samples() -> None:
    text, openmetrics = both(odd_city())
    assert text.ours() == openmetrics.ours()
    assert len(text.ours()) == len([s for s in text.samples if s in text.ours()])  # none twice
    assert len(text.ours()) > 200


def test_no_sample_is_there_twice() -> None:
    text, _ = both(odd_city())
    keys = [(sample.name, sample.labels) for sample in text.samples]
    assert len(set(keys)) == len(keys)


def test_openmetrics_has_an_end_mark_and_bare_counter_names() -> None:
    text = odd_city().text(openmetrics=True)
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1
    types = [line.split() for line in text.splitlines() if line.startswith("# TYPE ")]
    counters = {name for _, _, name, kind in types if kind == "counter"}
    assert counters == {
        metric.name.removesuffix("_total") for metric in FAMILIES if metric.type == "counter"
    } | {"process_cpu_seconds"}


def test_the_text_format_has_suffixed_counters_and_no_end_mark() -> None:
    text = odd_city().text()
    assert "# EOF" not in text
    types = [line.split() for line in text.splitlines() if line.startswith("# TYPE camwatch_")]
    assert {name for _, _, name, kind in types if kind == "counter"} == {
        metric.name for metric in FAMILIES if metric.type == "counter"
    }


@pytest.mark.parametrize("openmetrics", [False, True])
def test_no_created_samples_are_exported(openmetrics: bool) -> None:
    assert "_created" not in odd_city().text(openmetrics=openmetrics)


class _Parsed(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_fast_renderer_says_what_the_library_would_say(openmetrics: bool) -> None:
    ours = Scraped(odd_city().text(openmetrics=openmetrics), openmetrics=openmetrics)
    registry = CollectorRegistry()
    registry.register(_Parsed(ours.families))
    generate = generate_openmetrics if openmetrics else generate_latest
    theirs = Scraped(generate(registry).decode(), openmetrics=openmetrics)
    assert set(theirs.samples) == set(ours.samples)
    headers = [[(f.name, f.type, f.documentation) for f in scraped.families] for scraped in (ours, theirs)]
    assert headers[0] == headers[1]


_TEXTS = st.text(max_size=64)
_SPITEFUL = st.text(alphabet='\\"\n{},=# \x00né', max_size=12)
_PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64)


@given(name=_TEXTS | _SPITEFUL, model=_SPITEFUL, firmware=_PLAIN)
@examples(60)
def test_whatever_people_and_cameras_write_comes_back_as_they_wrote_it(
    name: str, model: str, firmware: str
) -> None:
    city = City(registered([camera(name=name, model=model, zone=name)]))
    city.beat("cam-1", firmware=firmware)
    for scraped in both(city):
        (info,) = scraped.of("camwatch_camera_info")
        assert (info["name"], info["model"], info["zone"]) == (name, model, name)
        assert info["firmware"] == firmware
        assert info.value == 1


@given(st.text())
def test_escaping_leaves_nothing_that_ends_a_label_or_a_line(value: str) -> None:
    text = escaped(value)
    assert "\n" not in text
    assert '"' not in text.replace("\\\\", "").replace('\\"', "")


def test_slices_of_a_larger_fleet_join_without_loss() -> None:
    rows: list[Camera] = [camera(f"cam-{number}") for number in range(2 * SLICE + 1)]
    scrape = City(registered(rows)).scrape()
    for name in ("info", "suspect", "flapping", "heartbeats_total", "outages_total", "reboots_total"):
        assert len(scrape.of(f"camwatch_camera_{name}")) == len(rows)
    assert len(scrape.of("camwatch_camera_status")) == 6 * len(rows)
    assert len(scrape.of("camwatch_camera_status_seconds_total")) == 4 * len(rows)


def test_an_empty_fleet_is_an_exposition_too() -> None:
    text, openmetrics = both(City(registered([])))
    assert text.ours() == openmetrics.ours()
    assert not text.of("camwatch_camera_info")
