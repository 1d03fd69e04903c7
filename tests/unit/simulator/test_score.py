"""Marks: truth against judgement, worked out by hand; what is read, shown, and beyond its limit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from camsim.cli import app
from camsim.errors import ScoreError
from camsim.score.figures import beyond, figures, read_limits
from camsim.score.html_page import page
from camsim.score.matching import Score, merged, percentile, score_run, stretches
from camsim.score.observations import Change, Observations, ObservedCamera, Outage, from_store
from camsim.score.text_table import table
from camsim.score.truth_reader import GroundTruth, TrueCamera, TrueOutage, read_truth

S = 1000
INTERVAL = 10 * S


def real(*absences: TrueOutage, links: list[tuple[int, int]] | None = None, lies: int = 0) -> GroundTruth:
    """Return an hour of one camera, with these absences."""
    camera = TrueCamera("cam-1", "ville", INTERVAL, 0, list(absences), lies)
    return GroundTruth("by hand", 0, 0, 3600 * S + INTERVAL, {"cam-1": camera}, links or [])


def away(from_s: float, until_s: float, heard_s: float, why: str = "network_cut") -> TrueOutage:
    return TrueOutage(round(from_s * S), round(until_s * S), round(heard_s * S), why, over=True)


def judged(*outages: tuple[float, float | None, float], status: str = "down") -> Observations:
    """Return what camwatch says: up from the beginning, but for these (at, end, noticed)."""
    changes = [Change(0, 0, "unknown"), Change(S, S, "up")]
    found = []
    for at, end, noticed in outages:
        changes.append(Change(round(at * S), round(noticed * S), status))
        if end is not None:
            changes.append(Change(round(end * S), round(end * S), "up"))
        found.append(
            Outage(round(at * S), None if end is None else round(end * S), round(noticed * S), "timeout")
        )
    camera = ObservedCamera(changes, found if status == "down" else [])
    return Observations({"cam-1": camera}, [], 4000 * S)


def marks(truth: GroundTruth, said: Observations) -> Score:
    return score_run(truth, said, 4.5)


def test_a_detected_absence_has_its_delay_and_its_errors() -> None:
    found = marks(real(away(600, 900, 594)), judged((604, 903, 639.05)))
    (one,) = found.found
    assert one.detection_ms == 45_050
    assert one.start_error_ms == 4000
    assert one.end_error_ms == 3000
    assert (found.mistakes, found.missed) == ([], [])
    (camera,) = found.cameras
    assert (camera.true_down_ms, camera.judged_down_ms, camera.error_ms) == (300_000, 299_000, -1000)
    assert camera.covered_ms == 3600 * S - (S + 3 * INTERVAL)


def test_absences_between_which_a_camera_sent_no_heartbeat_are_one() -> None:
    """Words alone prove no life."""
    apart = marks(real(away(600, 900, 594), away(960, 1200, 952)), judged((604, 903, 639), (957, 1203, 997)))
    assert [(one.start_error_ms, one.end_error_ms) for one in apart.found] == [(4000, 3000), (-3000, 3000)]
    (one,) = marks(real(away(600, 900, 594), away(905, 1200, 900)), judged((604, 1203, 639))).found
    assert (one.start_error_ms, one.end_error_ms) == (4000, 3000)


def test_an_outage_of_a_camera_that_lived_is_a_mistake_with_its_duration() -> None:
    found = marks(real(), judged((604, 654, 640)))
    (mistake,) = found.mistakes
    assert mistake.duration_ms == 50_000
    shown = figures(found, 4.5)
    assert shown["mistakes"] == 1
    assert shown["mistake_recurrence_s"] == pytest.approx(3600 - 31)


def test_a_long_absence_without_an_outage_is_missed_and_a_short_one_is_not() -> None:
    (missed,) = marks(real(away(600, 900, 594)), judged()).missed
    assert missed.absence.why == "network_cut"
    assert marks(real(away(600, 630, 594)), judged()).missed == []


def test_an_absence_while_the_broker_was_away_need_not_be_seen() -> None:
    assert marks(real(away(600, 900, 594), links=[(590 * S, 880 * S)]), judged()).missed == []


def test_an_absence_that_is_not_over_may_have_an_outage_that_is_not() -> None:
    open_end = TrueOutage(600 * S, 3600 * S, 594 * S, "power_cut", over=False)
    found = marks(real(open_end), judged((604, None, 640)))
    assert found.found[0].end_error_ms is None
    assert found.cameras[0].judged_down_ms == (3600 - 604) * S


def test_a_later_run_in_the_same_store_leaves_out_no_camera_of_this_one() -> None:
    """One that was never seen up in this run is score_run, as by what the API tells of the run alone."""
    truth, said = real(away(600, 900, 594)), judged()
    said.cameras["cam-1"].changes = [Change(0, 0, "unknown"), Change(4000 * S, 4000 * S, "up")]
    whole = marks(truth, said)
    del said.cameras["cam-1"].changes[1]
    assert whole == marks(truth, said)
    assert len(whole.cameras) == len(whole.missed) == 1


def test_the_goodbyes_of_the_end_are_no_mistakes() -> None:
    assert marks(real(), judged((3605, None, 3612))).mistakes == []


def test_what_was_unknown_although_it_could_be_known_is_told() -> None:
    unknown = judged((600, 700, 600), status="unknown")
    assert marks(real(), unknown).cameras[0].knowable_ms == 100_000
    assert marks(real(links=[(600 * S, 690 * S)]), unknown).cameras[0].knowable_ms == 0
    assert marks(real(away(595, 700, 594)), unknown).cameras[0].knowable_ms == 0


def test_unknown_time_that_late_heartbeats_filled_is_up() -> None:
    said = ObservedCamera(
        [Change(0, 0, "up"), Change(100, 100, "unknown"), Change(900, 900, "up")],
        [],
        [(200, 500), (450, 600)],
    )
    assert stretches(said, 50, 1000) == [
        (50, 100, "up"),
        (100, 200, "unknown"),
        (200, 600, "up"),
        (600, 900, "unknown"),
        (900, 1000, "up"),
    ]


def test_a_dead_camera_up_by_spoofed_messages_is_false_evidence() -> None:
    dead = away(600, 900, 594)
    assert marks(real(dead, lies=3), judged((604, 903, 639))).cameras[0].false_up_ms == 0
    believed = marks(real(dead, lies=3), judged((604, 700, 639), (760, 903, 800)))
    assert believed.cameras[0].false_up_ms == 60_000


def test_blind_time_is_held_against_the_brokers_absence() -> None:
    said = judged()
    said.blind = [(600 * S, 641 * S), (640 * S, 641 * S)]
    found = figures(marks(real(links=[(600 * S, 640 * S)]), said), 4.5)
    assert (found["blind_s"], found["blind_error_s"]) == (41, 1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_spans_are_merged() -> None:
    assert merged([(5, 7), (1, 3), (2, 4), (6, 6)]) == [(1, 4), (5, 7)]


# --- people and machines


def found_of_all() -> tuple[dict[str, Any], Score]:
    truth, said = real(away(600, 900, 594), away(2000, 2600, 1993, "power_cut")), judged((604, 903, 639.05))
    found = marks(truth, said)
    return figures(found, 4.5), found


def test_the_table_fits_80_columns_and_says_what_was_found() -> None:
    text = table(found_of_all()[0])
    assert max(map(len, text.splitlines())) <= 80
    assert "… detected, missed" in text
    assert "1, 1" in text


def test_the_page_needs_nothing_but_itself_and_draws_the_worst_first() -> None:
    found, its_marks = found_of_all()
    text = page(found, table(found), its_marks)
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "<script" not in text
    assert text.count("<svg") == 1
    assert 'aria-label="cam-1: 1 outages' in text


def test_figures_are_json_and_beyond_their_limits_they_are_told(tmp_path: Path) -> None:
    found = found_of_all()[0]
    json.dumps(found)
    limits = tmp_path / "limits.yaml"
    limits.write_text("mistakes: 0\nmissed: 0\ndetection_late_s.p99: 0.25\n")
    assert beyond(found, read_limits(limits)) == ["missed is 1, wanted at most 0"]
    early, biased = {"detection_late_s": {"p99": -2.5}}, {"blind_error_s": -2.5}
    assert beyond(early, {"detection_late_s.p99": 0.25}) == []
    assert beyond(biased, {"blind_error_s": 1.0}) == ["blind_error_s is -2.5, wanted at most 1"]
    limits.write_text("mistake: 0\n")
    with pytest.raises(ScoreError, match="figure 'mistake' does not exist"):
        beyond(found, read_limits(limits))
    for wrong in ("mistakes: many", "[1]", "a: ["):
        limits.write_text(wrong)
        with pytest.raises(ScoreError, match="--limits"):
            read_limits(limits)


# --- what is read


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not complete"),
        ("nonsense", "is not a ground truth of camsim"),
        ('{"kind": "run", "format": 1, "began_ms": 0}', "is not complete"),
        ('{"kind": "run", "format": 9, "began_ms": 0}\n{"kind": "end", "at_s": 1}', "this camsim reads 1"),
    ],
)
def test_a_truth_that_is_none_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "truth"
    file.write_text(text)
    with pytest.raises(ScoreError, match=says):
        read_truth(file)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--truth", "t"], "give one of --camwatch and --history"),
        (["--truth", "/nowhere", "--history", "sqlite:///x"], "--truth /nowhere: cannot be read"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(app, ["score", *arguments])
    assert result.exit_code == 2
    assert says in result.stderr


@pytest.mark.parametrize(
    ("url", "says"),
    [("mysql://x", "write sqlite:///FILE"), ("sqlite:////nowhere.db", "there is no /nowhere.db")],
)
def test_a_store_that_cannot_be_read_is_told(url: str, says: str) -> None:
    with pytest.raises(ScoreError, match=says):
        from_store(url)
