"""The fleet that ships with camwatch, and what `docs/simulator.md` says one can do with it."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from camsim.cli import app
from camsim.faults import Kind, parse_fault, timeline
from camsim.fleet import Fleet, read_fleet

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "simulator.md").read_text("utf-8")


def reference() -> Fleet:
    return read_fleet(ROOT / "config" / "fleet")


def test_the_reference_fleet_has_458_cameras_in_service_and_14_planned() -> None:
    fleet = reference()
    assert (len(fleet.in_service), len(fleet.planned)) == (458, 14)


def test_every_fault_in_the_document_fits_the_reference_fleet() -> None:
    specs = re.findall(r"--fault ([a-z]\S+:[^\s`]+)", DOCUMENT)
    assert len(specs) >= 5
    for spec in specs:
        assert next(timeline([parse_fault(spec)], reference(), 10.0)).cameras


def test_the_document_names_every_option_and_every_kind_of_fault() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    options = [name for option in group.commands["run"].params for name in option.opts]
    assert "--broker" in options
    for option in options:
        assert f"`{option} " in DOCUMENT, option
    for kind in Kind:
        assert f"| `{kind}` |" in DOCUMENT, kind
