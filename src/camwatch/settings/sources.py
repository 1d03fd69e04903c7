"""From a TOML file and environment variables to checked settings, and from every fault to its place.

A fault is placed where people wrote the value: `camwatch.toml: brokers[0].url`, or the variable's name.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from camwatch.errors import ConfigError, ConfigProblem

PREFIX = "CAMWATCH_"
"""What the names of all variables begin with."""
MAX_BYTES = 1 << 20
"""The largest settings file that is read."""

_M = TypeVar("_M", bound=BaseModel)
_Step: TypeAlias = str | int
Steps: TypeAlias = tuple[_Step, ...]
"""The way to a setting: names of tables, numbers in lists."""
_Tree: TypeAlias = dict[str, Any]

_TOML_PLACE = re.compile(r"(?P<problem>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)
_PLAINER = {
    "tuple_type": "must be a list",
    "model_type": "must be a table of settings",
    "dict_type": "must be a table of settings",
    "string_type": "must be text",
    "path_type": "must be text that names a file or folder",
    "is_instance_of": "must be text",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}
_WRITTEN_AS_JSON = ("tuple_type", "model_type", "dict_type")


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where settings were written: the file's name, and the variables by the path that each one set.

    `made` holds the paths of tables and lists that are there for the sake of a variable alone.
    """

    file: str = "settings"
    variables: Mapping[Steps, str] = dataclasses.field(default_factory=dict)
    made: AbstractSet[Steps] = frozenset()

    def variable(self, path: Steps, problem: str = "") -> str | None:
        """Return the variable to blame for a problem at this path, if there is one."""
        for length in range(len(path), 0, -1):
            if found := self.variables.get(path[:length]):
                return found
        for other, variable in self.variables.items():
            # A rule between two settings names the other one with its value: "above suspect_after (2.5)".
            beside = other[:-1] == path[:-1] and f"{other[-1]} (" in problem
            below = path in self.made and other[: len(path)] == path
            if beside or below:
                return variable
        return None

    def place(self, path: Steps, problem: str = "") -> str:
        """Return the place of a problem as people write it."""
        return self.variable(path, problem) or f"{self.file}: {_dotted(path)}"


def load(model: type[_M], file: Path | None, environ: Mapping[str, str]) -> tuple[_M, Origin]:
    """Return the checked settings and where they were written.

    Raises ConfigError with every fault found.
    """
    tree = {} if file is None else _from_file(file)
    overlay = _Overlay(model, tree)
    for variable in sorted(environ, key=_by_depth):
        if variable.startswith(PREFIX) and environ[variable]:  # an empty one is as good as none
            overlay.put(variable, environ[variable])
    origin = Origin(file.name if file else "settings", overlay.variables, overlay.made)
    faults = overlay.faults
    try:
        settings = model(**tree)
    except ValidationError as error:
        faults.extend(_faults_of(error, model, origin))
    if faults:
        # Raised out here: the library's error, which holds the values, is no part of ours.
        raise ConfigError(tuple(faults))
    return settings, origin


def _from_file(file: Path) -> _Tree:
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ConfigError((ConfigProblem(str(file), "is larger than 1 MiB: is it the settings file?"),))
        return tomllib.loads(content.decode("utf-8-sig"))
    except OSError as error:
        fault = ConfigProblem(str(file), f"cannot be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = ConfigProblem(f"{file.name}, line {line}", "is no UTF-8: save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        found = _TOML_PLACE.fullmatch(str(error))
        where = f"{file.name}, line {found['line']}, column {found['column']}" if found else file.name
        fault = ConfigProblem(where, f"is no TOML: {found['problem'] if found else error}")
    raise ConfigError((fault,))


class _Overlay:
    """Lays variables over a tree of settings and remembers which of them set what."""

    def __init__(self, model: type[BaseModel], tree: _Tree) -> None:
        self.variables: dict[Steps, str] = {}
        self.made: set[Steps] = set()
        self.faults: list[ConfigProblem] = []
        self._model = model
        self._tree = tree

    def put(self, variable: str, text: str) -> None:
        """Set what this variable names; one that names no section is somebody else's."""
        steps = variable.removeprefix(PREFIX).lower().split("__")
        if len(steps) == 1 and steps[0] not in self._model.model_fields:
            # A cluster sets names like CAMWATCH_PORT and CAMWATCH_SERVICE_HOST for a service “camwatch”.
            self._forgotten_underscore(variable, steps[0])
            return
        node: Any = self._tree
        path: Steps = ()
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            key = self._key(node, step)
            if key is None:
                there = _dotted(path)
                self.faults.append(
                    ConfigProblem(variable, f"{there} has no {step!r}: {_what_is_there(node)}")
                )
                if not node and path in self.made:
                    del self._tree[
                        str(path[0])
                    ]  # lists of tables stand at the top; made for nothing, this one
                return
            path = (*path, key)
            if following is None:
                _assign(node, key, _value(text))
                self.variables[path] = variable
                return
            node = self._descend(node, key, path)

    def _key(self, node: Any, step: str) -> _Step | None:
        if isinstance(node, dict):
            return step
        if isinstance(node, list) and re.fullmatch("[0-9]{1,4}", step) and int(step) <= len(node):
            return int(step)  # as many as there are: one more is added
        return None

    def _descend(self, node: Any, key: _Step, path: Steps) -> Any:
        missing = key not in node if isinstance(node, dict) else key == len(node)
        if missing:
            _assign(node, key, [] if _is_list_of_tables(self._model, path) else {})
            self.made.add(path)
        return node[key]

    def _forgotten_underscore(self, variable: str, name: str) -> None:
        for section, field in self._model.model_fields.items():
            own = getattr(field.annotation, "model_fields", {})
            if name.startswith(f"{section}_") and name.removeprefix(f"{section}_") in own:
                meant = f"{PREFIX}{section}__{name.removeprefix(f'{section}_')}".upper()
                self.faults.append(
                    ConfigProblem(variable, f"is not read: two underscores part the levels, {meant}")
                )


def _assign(node: Any, key: _Step, value: Any) -> None:
    if isinstance(node, list) and key == len(node):
        node.append(value)
    else:
        node[key] = value


def _value(text: str) -> Any:
    """Return a list or a table from its JSON; anything else is text, as `[::1]:0` is."""
    if text[0] in "[{":
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _by_depth(variable: str) -> list[str]:
    # A list before what overrides parts of it, and its members in the order of their numbers.
    return [step.zfill(8) if step.isdecimal() else step for step in variable.split("__")]


def _what_is_there(node: Any) -> str:
    if isinstance(node, list):
        return f"it is a list of {len(node)}, counted from 0, and one more may be added"
    return "it is no table"


def _faults_of(error: ValidationError, model: type[BaseModel], origin: Origin) -> Iterator[ConfigProblem]:
    for found in error.errors(include_url=False, include_input=False):
        path = tuple(step for step in found["loc"] if step != "[key]")
        problem = _problem(found, model, path)
        if found["type"] in _WRITTEN_AS_JSON and origin.variable(path):
            problem += ", written as JSON"
        if found["type"] == "string_type" and not origin.variable(path):
            problem += ", in quotes"
        yield ConfigProblem(origin.place(path, problem), problem)


def _problem(found: Any, model: type[BaseModel], path: Steps) -> str:
    kind, context = found["type"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(path[-1]), _fields_at(model, path[:-1]))
    if kind == "value_error":
        return str(context["error"])
    plain = _PLAINER.get(kind, str(found["msg"]))
    return re.sub(r"^(Input|String|Value) should ", "must ", plain)


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f"{name!r} is no setting: " + (f"is {close[0]!r} meant?" if close else f"use {', '.join(known)}")


def _fields_at(model: type[BaseModel], path: Steps) -> list[str]:
    annotation: Any = model
    for step in path:
        annotation = _inside(annotation, step)
    return list(getattr(annotation, "model_fields", {}))


def _inside(annotation: Any, step: _Step) -> Any:
    fields = getattr(annotation, "model_fields", None)
    if fields is not None:
        return fields[step].annotation if step in fields else None
    arguments = get_args(annotation)  # of tuple[Broker, ...] or of dict[str, LivenessOverride]
    if not arguments:
        return None
    return arguments[0] if isinstance(step, int) else arguments[-1]


def _is_list_of_tables(model: type[BaseModel], path: Steps) -> bool:
    annotation: Any = model
    for step in path:
        annotation = _inside(annotation, step)
    return getattr(annotation, "__origin__", None) is tuple


def _dotted(path: Steps) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
