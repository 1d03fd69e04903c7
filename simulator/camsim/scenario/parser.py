"""Parses scenarios in YAML. All mistakes are reported at once, with line and column."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from camsim.errors import ScenarioError
from camsim.scenario.actions import ACTIONS, REQUIRED
from camsim.scenario.model import NOTHING, SELECTED_BY, Entry, Place, Scenario, Selector
from camsim.scenario.value_types import TEXTS, InvalidValueError, Kind, duration, number, share, text
from camsim.text_file import read_text

_INSTALLED: Final = Path(__file__).parents[1] / "scenarios"
_CHECKOUT: Final = Path(__file__).parents[2] / "scenarios"

SELECTOR: Final[dict[str, Kind]] = {
    **dict.fromkeys(SELECTED_BY, TEXTS),
    "share": share(),
    "count": number(1, 10_000_000, whole=True),
    "seed": number(0, 2**31, whole=True),
}
ENTRY: Final[dict[str, Kind]] = {
    "action": text(*ACTIONS),
    "at": duration(),
    "for": duration(0.001),
    "every": duration(0.001),
    "times": number(1, 1_000_000, whole=True),
    "spread": duration(),
}
HEAD: Final[dict[str, Kind]] = {
    "title": text(),
    "description": text(),
    "duration": duration(0.001),
    "interval": duration(0.05),
}


def shipped() -> dict[str, Path]:
    """Return the bundled scenarios by name."""
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def read_scenario(source: Path) -> Scenario:
    """Read a scenario from a file, or a bundled one by its name. Raises ScenarioError."""
    file = source if source.suffix or source.exists() else shipped().get(str(source))
    if file is None:
        names = ", ".join(shipped())
        raise ScenarioError(f"{source}: is neither a file nor a bundled scenario: use one of {names}")
    return _Reader(str(file)).scenario(read_text(file, str(file), ScenarioError))


def read_inline(source: str) -> Entry:
    """Read one entry of a timeline, as given on a command line. Raises ScenarioError."""
    reader = _Reader("--action")
    node = reader.composed(source)
    entry = None if node is None else reader.entry(node)
    if entry is None or reader.problems:
        raise ScenarioError(*reader.problems)
    return entry


class _Reader:
    """Parses one text, and collects its `problems`."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[str] = []

    def scenario(self, source: str) -> Scenario:
        """Return the scenario. Raises ScenarioError."""
        node = self.composed(source)
        read = NOTHING if node is None else self._scenario(node)
        if self.problems:
            raise ScenarioError(*self.problems)
        return read

    def composed(self, source: str) -> Node | None:
        """Return the root node of the text; None if it is not valid YAML."""
        try:
            node = yaml.compose(source, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            where = self._file if mark is None else f"{self._file}:{mark.line + 1}:{mark.column + 1}"
            self.problems.append(f"{where}: is not valid YAML: {error.problem or error}")
            return None
        except (yaml.YAMLError, RecursionError) as error:
            why = "nested too deep" if isinstance(error, RecursionError) else str(error)
            self.problems.append(f"{self._file}: is not valid YAML: {why}")
            return None
        if node is None:
            self.problems.append(f"{self._file}: is empty")
        return node

    def _scenario(self, node: Node) -> Scenario:
        fields = self._fields(node, (*HEAD, "timeline"), "a scenario")
        head = self._values(fields, HEAD)
        for name in ("title", "description", "duration", "timeline"):
            if name not in fields:
                self._fault(node, f"lacks {name!r}")
        entries = []
        timeline = fields.get("timeline")
        if isinstance(timeline, SequenceNode):
            entries = [entry for each in timeline.value if (entry := self.entry(each)) is not None]
        elif timeline is not None:
            self._fault(timeline, "timeline: write a list of entries, each like {action: reboot, at: 30s}")
        return Scenario(timeline=tuple(entries), **_named(head))

    def entry(self, node: Node) -> Entry | None:
        """Parse one entry of a timeline; None if it is not valid."""
        before = len(self.problems)
        fields = self._fields(node, None, "an entry of a timeline")
        if "action" not in fields:
            self._fault(node, "an entry lacks 'action': add what happens")
            return None
        action = self._values({"action": fields["action"]}, ENTRY).get("action")
        if action is None:
            return None
        taken = ACTIONS[action].parameters
        self._known(fields, (*ENTRY, "on", *taken), f"{action}")
        values = self._values(fields, ENTRY)
        parameters = self._values(fields, {name: parameter.kind for name, parameter in taken.items()})
        self._consistent(node, action, fields)
        if len(self.problems) > before:
            return None
        on = self._selector(fields["on"]) if "on" in fields else Selector()
        return Entry(place=self._place(node), on=on, parameters=parameters, **_named(values))

    def _consistent(self, node: Node, action: str, fields: Mapping[str, Node]) -> None:
        """Report fields that contradict each other, and missing ones."""
        kind = ACTIONS[action]
        for name, parameter in kind.parameters.items():
            if parameter.default is REQUIRED and name not in fields:
                self._fault(node, f"{action} lacks {name!r}: {parameter.tells}")
        if not kind.lasts and "for" in fields:
            self._fault(fields["for"], f"{action} happens at once: leave out 'for'")
        for name, other, meaning in (("times", "every", "how far apart"), ("every", "times", "how often")):
            if name in fields and other not in fields:
                self._fault(fields[name], f"{name!r} needs {other!r}: {meaning}")
        if kind.fleet and "on" in fields:
            self._fault(fields["on"], f"{action} concerns the broker: leave out 'on'")

    def _selector(self, node: Node) -> Selector:
        fields = self._fields(node, tuple(SELECTOR), "'on'")
        return Selector(**self._values(fields, SELECTOR))

    def _fields(self, node: Node, known: Iterable[str] | None, what: str) -> dict[str, Node]:
        """Return the fields of a mapping; report unknown and repeated ones."""
        if not isinstance(node, MappingNode):
            self._fault(node, f"{what} is a mapping: write names with values")
            return {}
        fields: dict[str, Node] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, ScalarNode) else "?"  # `on` is not a boolean here
            if name in fields:
                self._fault(key, f"{name!r} is given twice")
            fields[name] = value
        if known is not None:
            self._known(fields, tuple(known), what)
        return fields

    def _known(self, fields: Mapping[str, Node], known: tuple[str, ...], what: str) -> None:
        for name, node in fields.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(known)}"
                self._fault(node, f"{what} has no {name!r}: {hint}")

    def _values(self, fields: Mapping[str, Node], kinds: Mapping[str, Kind]) -> dict[str, Any]:
        found = {}
        for name, node in fields.items():
            if name in kinds:
                try:
                    found[name] = kinds[name].read(_plain(node))
                except InvalidValueError as error:
                    self._fault(node, f"{name}: {error}{_meant(node, kinds[name])}")
        return found

    def _place(self, node: Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _fault(self, node: Node, problem: str) -> None:
        self.problems.append(f"{self._place(node)}: {problem}")


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by the names of a record's fields, which end in `_s` for durations."""
    times = ("at", "for", "every", "spread", "duration", "interval")
    return {f"{name}_s" if name in times else name: value for name, value in values.items()}


def _plain(node: Node) -> object:
    """Return the value of a node; None for a mapping."""
    if isinstance(node, SequenceNode):
        return [_plain(each) for each in node.value]
    if isinstance(node, ScalarNode):
        return yaml.SafeLoader("").construct_object(node)
    return None


def _meant(node: Node, kind: Kind) -> str:
    near = difflib.get_close_matches(str(node.value), kind.among, 1)
    return f": did you mean {near[0]!r}?" if near else ""
