"""The image, by rule: no engine can run here, so that what the file says is held against the checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.deploy.broker import DEPLOY
from tests.support.paths import ROOT

FILE = (DEPLOY / "Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()
STEPS = [
    re.split(r"\s+", line, maxsplit=1)
    for line in re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", FILE, flags=re.MULTILINE)).splitlines()
    if line
]
COPIED = [argument.split() for word, argument in STEPS if word == "COPY" and "--from" not in argument]
HASHED = ("run.txt", "build.txt")


def last(word: str) -> str:
    return [argument for found, argument in STEPS if found == word][-1]


def test_the_images_below_have_a_version_to_the_last_digit() -> None:
    found = {argument.split()[0] for word, argument in STEPS if word == "FROM"}
    assert len(found) == 1, "what is built with is what it runs on"
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", found.pop())


def test_it_runs_as_a_user_that_is_not_root() -> None:
    assert last("USER") == "10001:10001"
    order = [word for word, _ in STEPS]
    after = order[len(order) - order[::-1].index("USER") :]
    assert {"RUN", "COPY"}.isdisjoint(after), "nothing is made by that user"


def test_what_runs_was_built_in_another_stage() -> None:
    """Neither pip nor the source is in the image that runs."""
    final = STEPS[[index for index, (word, _) in enumerate(STEPS) if word == "FROM"][-1] :]
    assert [argument for word, argument in final if word == "COPY"] == [
        "--from=build /opt/camwatch /opt/camwatch"
    ]
    assert not any("pip" in argument for word, argument in final if word == "RUN")
    assert "pip uninstall" in FILE


@pytest.mark.parametrize("copied", COPIED, ids=" ".join)
def test_what_is_copied_is_there_and_not_ignored(copied: list[str]) -> None:
    *sources, _ = copied
    allowed = [line[1:] for line in IGNORED if line.startswith("!")]
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(Path(source).is_relative_to(path) for path in allowed), source


def test_nothing_else_of_the_checkout_goes_to_the_engine() -> None:
    assert next(line for line in IGNORED if not line.startswith("#")) == "*"
    assert not any(re.search(r"deploy|secrets|\.git|\.db", line) for line in IGNORED if line.startswith("!"))


@pytest.mark.parametrize("name", HASHED)
def test_everything_that_is_installed_is_pinned_by_hash(name: str) -> None:
    assert f"--require-hashes -r requirements/{name}" in FILE
    entries = re.split(
        r"\n(?=\S)", re.sub(r"^#.*\n", "", (ROOT / "requirements" / name).read_text(), flags=re.MULTILINE)
    )
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+", entry), entry
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}", entry), entry


def test_what_builds_the_package_is_what_the_tests_build_it_with() -> None:
    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^([a-z0-9-]+==\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE)
        )

    assert pins("build.txt") <= pins("dev.txt")
    assert pins("run.txt") <= pins("dev.txt")
    assert any(pin.startswith("hatchling==") for pin in pins("build.txt"))


def test_every_dependency_of_the_package_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["postgres"]
    names = {re.split(r"[\[<>=~;]", line)[0] for line in wanted}
    pinned = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/run.txt").read_text(), re.MULTILINE))
    assert names <= pinned


def test_the_package_is_built_of_what_is_copied_and_holds_both_programs(tmp_path: Path) -> None:
    """The step `pip wheel` of the file, in a folder that has what the engine would copy, offline."""
    for *sources, _ in COPIED:
        for source in sources:
            target = tmp_path / source
            target.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-r", str(ROOT / source), str(target)], check=True)
    command = re.search(r"pip (wheel .*?) &&", last_build_step())
    assert command
    subprocess.run(
        [sys.executable, "-m", "pip", *command[1].split()], cwd=tmp_path, check=True, capture_output=True
    )
    (wheel,) = (tmp_path / "wheels").glob("camwatch-*.whl")
    with zipfile.ZipFile(wheel) as contents:
        names = set(contents.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        programs = contents.read(entry_points).decode()
    assert {"camwatch/app.py", "camsim/cli.py", "camwatch/data/fleet/cameras.csv"} <= names
    assert {"camwatch = ", "camsim = "} <= {line[: line.find("=") + 2] for line in programs.splitlines()}


def last_build_step() -> str:
    return next(argument for word, argument in STEPS if word == "RUN" and "pip wheel" in argument)


def test_it_is_asked_how_it_is_and_stopped_cleanly() -> None:
    assert "/-/healthy" in last("HEALTHCHECK")
    assert last("STOPSIGNAL") == "SIGTERM"
    assert last("ENTRYPOINT") == '["camwatch"]', "the daemon itself gets the signals, not a shell"
