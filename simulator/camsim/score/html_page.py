"""An HTML page with the truth above the record, for the cameras that differ most. It loads no other file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape

from camsim.score.figures import Figures
from camsim.score.matching import CameraScore, Score, stretches
from camsim.score.observations import Observations, ObservedCamera
from camsim.score.truth_reader import TrueCamera

_SHOWN = 40
_WIDE, _TALL = 1000, 16
# Okabe and Ito's palette; each colour has its word.
_COLOURS = {
    "up": "#009e73",
    "down": "#d55e00",
    "unknown": "#999999",
    "maintenance": "#56b4e9",
    "planned": "#0072b2",
    "retired": "#444444",
}
_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 1240px; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
pre { background: #f3f4f6; padding: 1rem; overflow-x: auto; }
.camera { display: grid; grid-template-columns: 190px 1fr; gap: 0 1rem; padding: .4rem 0; }
.camera { border-top: 1px solid #ddd; }
.camera svg { width: 100%; height: 40px; } .camera small { color: #555; }
.key i { display: inline-block; width: 1em; height: 1em; margin: 0 .3em 0 1em; vertical-align: -2px; }
"""


def page(found: Figures, table: str, marks: Score, judged: Observations) -> str:
    """Return the HTML text."""
    wrong = {each.camera for each in marks.mistakes} | {each.camera for each in marks.missed}
    worst = sorted(
        marks.cameras,
        key=lambda each: (each.camera.id not in wrong, -each.knowable_ms, -abs(each.error_ms)),
    )[:_SHOWN]
    title = escape(f"{found['scenario']}: truth and judgement")
    key = " ".join(f'<i style="background:{colour}"></i>{word}' for word, colour in _COLOURS.items())
    rows = "".join(_camera(each, judged, marks) for each in worst)
    began, ended = (datetime.fromtimestamp(at / 1000, UTC) for at in (marks.real.began_ms, marks.ended_ms))
    when = f"{began:%Y-%m-%d %H:%M:%S} – {ended:%Y-%m-%d %H:%M:%S}"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>{when} UTC, seed {marks.real.seed}.</p><pre>{escape(table)}</pre>"
        f"<h2>The {len(worst)} cameras that differ most</h2>"
        f'<p>Above what was, below what camwatch says. <span class="key">{key}</span></p>{rows}</html>\n'
    )


def _camera(mine: CameraScore, judged: Observations, marks: Score) -> str:
    name = escape(mine.camera.id)
    said = judged.cameras.get(mine.camera.id, ObservedCamera())
    truth = _truth(mine.camera, marks)
    judgement = stretches(said, marks.real.began_ms, marks.ended_ms)
    told = f"{mine.outages} outages, {mine.error_ms / 1000:+.2f} s down too long"
    bars = _bar(truth, 2, marks) + _bar(judgement, 2 + _TALL + 3, marks)
    return (
        f'<div class="camera"><div>{name}<br><small>{told}</small></div>'
        f'<svg viewBox="0 0 {_WIDE} {2 * _TALL + 7}" preserveAspectRatio="none" role="img"'
        f' aria-label="{name}: {told}">{bars}</svg></div>'
    )


def _truth(real: TrueCamera, marks: Score) -> Iterator[tuple[int, int, str]]:
    at = max(real.begins_ms, marks.real.began_ms)
    for absence in real.absences:
        if absence.from_ms > at:
            yield at, absence.from_ms, "up"
        yield absence.from_ms, absence.until_ms, "down"
        at = absence.until_ms
    if at < marks.ended_ms:
        yield at, marks.ended_ms, "up"


def _bar(pieces: Iterable[tuple[int, int, str]], y: int, marks: Score) -> str:
    whole = max(1, marks.ended_ms - marks.real.began_ms)
    text = ""
    for start, stop, status in pieces:
        x = _WIDE * (start - marks.real.began_ms) / whole
        wide = max(0.4, _WIDE * (stop - start) / whole)
        seconds = (stop - start) / 1000
        tip = f"<title>{status}, {seconds:.2f} s</title>"
        size = f'x="{x:.2f}" y="{y}" width="{wide:.2f}" height="{_TALL}"'
        text += f'<rect {size} fill="{_COLOURS[status]}">{tip}</rect>'
    return text
