"""`camsim score`: compares the ground truth with what camwatch recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from camsim.errors import ScoreError
from camsim.score import observations as judging
from camsim.score.figures import beyond, figures, read_limits
from camsim.score.html_page import page
from camsim.score.matching import score_run
from camsim.score.text_table import table
from camsim.score.truth_reader import read_truth


def score(
    truth: Annotated[Path, typer.Option(metavar="FILE", help="file written by `camsim run --truth`")],
    camwatch: Annotated[
        str | None, typer.Option(metavar="URL", help="a running camwatch: http://HOST:PORT")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="with --camwatch: file with an API token for all operators"),
    ] = None,
    history: Annotated[
        str | None, typer.Option(metavar="URL", help="its store: sqlite:///FILE or postgresql://…")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="draw truth and record of the worst cameras")
    ] = None,
    limits: Annotated[
        Path | None, typer.Option(metavar="FILE", help="maximum figures; exit 1 if exceeded")
    ] = None,
    down_after: Annotated[
        float, typer.Option(min=1, help="as in camwatch's settings, liveness.down_after")
    ] = 4.5,
) -> None:
    """Compare camwatch with the ground truth."""
    if (camwatch is None) is (history is None):
        raise ScoreError("give one of --camwatch and --history")
    most = {} if limits is None else read_limits(limits)
    real = read_truth(truth)
    said = (
        judging.from_store(history)
        if history is not None
        else judging.from_api(f"{camwatch}", real.began_ms, real.ended_ms, token_file)
    )
    marks = score_run(real, said, down_after)
    found = figures(marks, down_after)
    typer.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else table(found), nl=as_json)
    if html is not None:
        try:
            html.write_text(page(found, table(found), marks), "utf-8")
        except OSError as error:
            raise ScoreError(f"--html {html}: cannot be written: {error.strerror}") from None
    failed = beyond(found, most)
    for line in failed:
        typer.echo(f"beyond the limits: {line}", err=True)
    if failed:
        raise typer.Exit(1)
