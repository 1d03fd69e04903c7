"""An HTML page with the truth above the record, for the cameras that differ most. It loads no other file."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from camsim.score.figures import Figures
from camsim.score.matching import CameraScore, Score, stretches
from camsim.score.observations import Change, ObservedCamera
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


def page(found: Figures, table: str, marks: Score) -> str:
    """Return the HTML text."""
    wrong = {each.camera for each in marks.mistakes} | {each.camera for each in marks.missed}
    worst = sorted(
        marks.cameras,
        key=lambda each: (each.camera.id not in wrong, -each.knowable_ms, -abs(each.error_ms)),
    )[:_SHOWN]
    title = escape(f"{found['scenario']}: truth and record")
    key = " ".join(f'<i style="background:{colour}"></i>{word}' for word, colour in _COLOURS.items())
    rows = "".join(_camera(each, marks) for each in worst)
    began, ended = (datetime.fromtimestamp(at / 1000, UTC) for at in (marks.real.began_ms, marks.ended_ms))
    when = f"{began:%Y-%m-%d %H:%M:%S} – {ended:%Y-%m-%d %H:%M:%S}"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>{when} UTC, seed {marks.real.seed}.</p><pre>{escape(table)}</pre>"
        f"<h2>The {len(worst)} cameras that differ most</h2>"
        f'<p>Above the truth, below the record of camwatch. <span class="key">{key}</span></p>{rows}</html>\n'
    )


def _camera(mine: CameraScore, marks: Score) -> str:
    name = escape(mine.camera.id)
    summary = f"{mine.outages} outages, {mine.error_ms / 1000:+.2f} s down too long"
    bars = _bar(_truth(mine.camera), 2, marks) + _bar(mine.record, 2 + _TALL + 3, marks)
    return (
        f'<div class="camera"><div>{name}<br><small>{summary}</small></div>'
        f'<svg viewBox="0 0 {_WIDE} {2 * _TALL + 7}" preserveAspectRatio="none" role="img"'
        f' aria-label="{name}: {summary}">{bars}</svg></div>'
    )


def _truth(real: TrueCamera) -> ObservedCamera:
    """Return the record of a monitor that knows the truth."""
    changes = [Change(real.begins_ms, 0, "up")]
    for absence in real.absences:
        changes += [Change(absence.from_ms, 0, "down"), Change(absence.until_ms, 0, "up")]
    return ObservedCamera(changes)


def _bar(record: ObservedCamera, y: int, marks: Score) -> str:
    began_ms = marks.real.began_ms
    whole = max(1, marks.ended_ms - began_ms)
    text = ""
    for start, stop, status in stretches(record, began_ms, marks.ended_ms):
        x = _WIDE * (start - began_ms) / whole
        wide = max(0.4, _WIDE * (stop - start) / whole)
        tip = f"<title>{status}, {(stop - start) / 1000:.2f} s</title>"
        size = f'x="{x:.2f}" y="{y}" width="{wide:.2f}" height="{_TALL}"'
        text += f'<rect {size} fill="{_COLOURS[status]}">{tip}</rect>'
    return text
