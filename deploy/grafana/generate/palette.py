"""Colours of values.

They are of Okabe and Ito's palette, made for all kinds of colour vision; a test holds them apart as people
with each kind of colour blindness see them. Each colour comes with a text or a number.
"""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import dashboard as model

from deploy.grafana.generate.i18n import Translator

GREEN = "#009E73"
VERMILION = "#D55E00"
SKY = "#56B4E9"
BLUE = "#0072B2"
ORANGE = "#E69F00"
YELLOW = "#F0E442"
PINK = "#CC79A7"
GREY = "#9A9A9A"
DARK = "#4A4A4A"

STATUS: Mapping[str, str] = {
    "down": VERMILION,
    "unknown": GREY,
    "maintenance": SKY,
    "up": GREEN,
    "planned": BLUE,
    "retired": DARK,
}
"""One colour for each status, the same on every dashboard."""

CODES: Mapping[str, int] = {"down": 4, "unknown": 3, "maintenance": 2, "up": 5, "planned": 1, "retired": 0}
"""The values of `camera:camwatch_camera_status:code` (deploy/prometheus/rules/recording.yaml)."""


def statuses(tr: Translator) -> list[model.ValueMapping]:
    """Return text and colour for the numeric status."""
    return [
        values(
            *(
                (str(CODES[status]), tr.status(status), colour)
                for status, colour in sorted(STATUS.items(), key=lambda pair: CODES[pair[0]])
            )
        )
    ]


def values(*meanings: tuple[str, str, str | None]) -> model.ValueMap:
    """Return a mapping of values, each with its text and colour."""
    return model.ValueMap(
        {
            value: model.ValueMappingResult(text=text, color=colour, index=index)
            for index, (value, text, colour) in enumerate(meanings)
        }
    )


def steps(base: str, *above: tuple[float, str]) -> build.ThresholdsConfig:
    """Return thresholds: the colour below all, and the colour from each value on."""
    found = [model.Threshold(value=None, color=base)]
    found += [model.Threshold(value=value, color=colour) for value, colour in above]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(found)


BAD_FROM_ONE = ((1.0, VERMILION),)
"""Any value above zero is bad."""
