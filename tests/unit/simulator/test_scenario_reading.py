"""Scenarios as people write them: what is read, and what each mistake is answered with."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camsim.errors import ScenarioError
from camsim.scenario.actions import ACTIONS, REQUIRED
from camsim.scenario.model import Scenario, Selector
from camsim.scenario.parser import read_inline, read_scenario, shipped
from camsim.scenario.schema import schema
from camsim.scenario.value_types import InvalidValueError, duration, number, share

HEAD = "title: T\ndescription: D\nduration: 1h\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "scenario.yaml"
    file.write_text(text, "utf-8")
    return file


def read(folder: Path, text: str) -> Scenario:
    return read_scenario(written(folder, text))


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        read(folder, text)
    return [problem.removeprefix(f"{folder}/scenario.yaml") for problem in caught.value.problems]


def test_a_whole_scenario_is_read(tmp_path: Path) -> None:
    scenario = read(
        tmp_path,
        HEAD
        + """interval: 2s
timeline:
  - action: power_cut
    at: 1m 30s
    for: 0.5
    silent: true
    every: 10m
    times: 3
    spread: 250ms
    on: {site: [a, b], purpose: traffic, share: 20 %, count: 3, seed: 7}
  - {action: loss, share: 0.25}
""",
    )
    assert (scenario.title, scenario.duration_s, scenario.interval_s) == ("T", 3600, 2)
    cut, loss = scenario.timeline
    assert (cut.at_s, cut.for_s, cut.every_s, cut.times, cut.spread_s) == (90, 0.5, 600, 3, 0.25)
    assert cut["silent"] is True
    assert cut.on == Selector(
        site=frozenset(("a", "b")), purpose=frozenset(("traffic",)), share=0.2, count=3, seed=7
    )
    assert (loss.at_s, loss.for_s, loss["share"], loss.on) == (0, None, 0.25, Selector())
    assert str(cut.place) == f"{tmp_path}/scenario.yaml:6:5"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ": is empty"),
        ("[1, 2]", ":1:1: a scenario is a mapping"),
        (HEAD, ":1:1: lacks 'timeline'"),
        (HEAD + "timeline: 3", ":4:11: timeline: write a list"),
        (
            HEAD + "timelines: []\ntimeline: []",
            ":4:12: a scenario has no 'timelines': did you mean 'timeline'?",
        ),
        (HEAD + "title: X\ntimeline: []", ":4:1: 'title' is given twice"),
        (HEAD + "timeline: [{at: 3}]", ":4:12: an entry lacks 'action'"),
        (HEAD + "timeline: [{action: powercut}]", ":4:21: action: write one of power_cut"),
        (HEAD + "timeline: [{action: powercut}]", "did you mean 'power_cut'?"),
        (HEAD + "timeline: [{action: flap, off: 3}]", ":4:32: flap has no 'off': did you mean 'off_for'?"),
        (HEAD + "timeline: [{action: flap, at: soon}]", ":4:31: at: write a duration like 90s"),
        (HEAD + "timeline: [{action: flap, at: -3s}]", ":4:31: at: -3 s is out of range"),
        (HEAD + "timeline: [{action: flap, for: 0}]", ":4:32: for: 0 s is out of range"),
        (HEAD + "timeline: [{action: reboot, for: 3s}]", ":4:34: reboot happens at once: leave out 'for'"),
        (HEAD + "timeline: [{action: flap, times: 3}]", ":4:34: 'times' needs 'every'"),
        (HEAD + "timeline: [{action: flap, every: 3s}]", ":4:34: 'every' needs 'times'"),
        (HEAD + "timeline: [{action: clock_jump}]", ":4:12: clock_jump lacks 'by'"),
        (HEAD + "timeline: [{action: broker_restart, on: {}}]", "concerns the broker: leave out 'on'"),
        (HEAD + "timeline: [{action: loss, share: 120 %}]", ":4:34: share: write a share above 0 %"),
        (
            HEAD + "timeline: [{action: loss, on: {sight: x}}]",
            ":4:39: 'on' has no 'sight': did you mean 'site'?",
        ),
        (HEAD + "timeline: [{action: loss, on: {count: 1.5}}]", ":4:39: count: write a whole number"),
        (HEAD + "timeline: [{action: tamper, on: x}]", ":4:33: 'on' is a mapping"),
        (HEAD + "timeline: [", ":4:12: is not valid YAML"),
        (HEAD + "timeline: " + "[" * 2000, ": is not valid YAML: nested too deep"),
        ("title: \x07", ": is not valid YAML"),
        (HEAD.replace("1h", "1 fortnight") + "timeline: []", ":3:11: duration: write a duration"),
    ],
)
def test_a_mistake_is_told_with_line_and_column_and_what_to_write(
    tmp_path: Path, text: str, says: str
) -> None:
    assert any(says in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = "title: T\nduration: x\ntimeline:\n  - {action: flap, at: y}\n  - {action: nothing}\n"
    assert [problem.split(": ", 1)[0] for problem in problems(tmp_path, text)] == [
        ":2:11",
        ":1:1",
        ":4:24",
        ":5:14",
    ]


def test_a_file_that_is_not_there_names_the_scenarios_that_ship() -> None:
    with pytest.raises(ScenarioError, match=r"nor a bundled scenario: .*normal-day"):
        read_scenario(Path("norml-day"))
    with pytest.raises(ScenarioError, match="cannot be read: No such file"):
        read_scenario(Path("nowhere.yaml"))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_bytes(b"title: \xff")
    with pytest.raises(ScenarioError, match="is not UTF-8 text"):
        read_scenario(file)


@given(st.text())
def test_any_text_is_an_entry_or_a_scenario_error(text: str) -> None:
    with contextlib.suppress(ScenarioError):
        read_inline(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_any_value_is_a_duration_and_a_share_or_refused_as_one(value: Any) -> None:
    for kind in (duration(), share()):
        with contextlib.suppress(InvalidValueError):
            assert kind.read(value) >= 0


@given(st.floats(0, 1e9))
def test_seconds_are_seconds(seconds: float) -> None:
    assert duration().read(seconds) == seconds
    assert duration().read(f"{round(seconds)} s") == round(seconds)


@pytest.mark.parametrize("value", [1, 3.0, 1e7])
def test_a_number_without_a_fraction_is_a_whole_one_however_it_is_written(value: float) -> None:
    """JSON Schema says the same of an integer."""
    assert number(1, 10_000_000, whole=True).read(value) == int(value)


# --- the schema says the same

NUMBERS = st.sampled_from(
    [0, 1, -1, 0.2, 5, 200, 1e7, "20 %", "90s", "1h30m", "soon", "", True, None, [], ["a"]]
)
ENTRIES = st.fixed_dictionaries(
    {"action": st.sampled_from([*ACTIONS, "nothing"])},
    optional={
        "at": NUMBERS,
        "for": NUMBERS,
        "every": NUMBERS,
        "times": NUMBERS,
        "spread": NUMBERS,
        "on": st.fixed_dictionaries(
            {}, optional={"site": NUMBERS, "share": NUMBERS, "count": NUMBERS, "purpose": NUMBERS}
        ),
        "silent": NUMBERS,
        "share": NUMBERS,
        "by": NUMBERS,
        "version": NUMBERS,
        "topic": st.sampled_from(["own", "wrong_operator", "mine"]),
    },
)


@given(ENTRIES)
def test_what_the_reader_takes_the_schema_takes(entry: dict[str, Any]) -> None:
    """The reader is stricter in ranges of durations alone, which a schema of texts cannot have."""
    try:
        read_inline(json.dumps(entry))
    except ScenarioError as error:
        if all("out of range" in problem for problem in error.problems):
            return
        taken = False
    else:
        taken = True
    whole = {"title": "T", "description": "D", "duration": 1, "timeline": [entry]}
    valid = jsonschema.Draft202012Validator(schema()).is_valid(whole)
    if taken:
        assert valid
    else:
        assert not valid or _only_texts_tell(entry)


def _only_texts_tell(entry: dict[str, Any]) -> bool:
    """Whether what is wrong is a text that looks like a share or a duration, and is none in range."""
    return any(value in ("20 %", "90s", "1h30m", "-1") for value in entry.values())


def test_every_action_can_be_read_with_its_required_parameters_alone() -> None:
    given_ = {"by": "3s", "version": "1.0"}
    for name, action in ACTIONS.items():
        needed = {n: given_[n] for n, p in action.parameters.items() if p.default is REQUIRED}
        entry = read_inline(json.dumps({"action": name, **needed}))
        for parameter in action.parameters:
            assert entry[parameter] is not REQUIRED


def test_faster_divides_every_time_but_how_wrong_a_clock_is() -> None:
    scenario = Scenario("", "", 60.0, 10.0, (read_inline("{action: delay, at: 20s, for: 10s, by: 4s}"),))
    faster = scenario.faster(4)
    assert (faster.duration_s, faster.interval_s) == (15, 2.5)
    (delay,) = faster.timeline
    assert (delay.at_s, delay.for_s, delay["by"], delay["plus"]) == (5, 2.5, 1, 0)
    wrong = Scenario("", "", 60.0, 10.0, (read_inline("{action: clock_jump, by: 1h}"),)).faster(4)
    assert wrong.timeline[0]["by"] == 3600


def test_shipped_scenarios_are_found_by_name() -> None:
    assert read_scenario(Path("normal-day")).duration_s == 86_400
    assert "normal-day" in shipped()
