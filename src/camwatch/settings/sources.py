"""Reads settings from a TOML file and environment variables, and finds the place of every fault.

The place is where the value was written: `camwatch.toml: brokers[0].url`, or the name of the variable.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource

from camwatch.errors import ConfigError, ConfigProblem

MAX_BYTES = 1 << 20
"""The largest settings file that is read."""

_M = TypeVar("_M", bound=BaseModel)
_S = TypeVar("_S", bound=BaseSettings)
Steps: TypeAlias = tuple[str | int, ...]
"""The path to a setting: names of tables, indices of lists."""

_PREFIX = "CAMWATCH_"
_TOML_PLACE = re.compile(r"(?P<problem>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", re.DOTALL)
# What pydantic wants, by the first word of the error's type.
_WANTED = {
    "tuple": "a list",
    "model": "a table of settings",
    "dict": "a table of settings",
    "string": "text",
    "path": "text that names a file or folder",
    "is": "text",
    "float": "a number",
    "finite": "a finite number",
    "int": "a whole number",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where settings were written: the file's name and content, and the variables by their paths."""

    file: str = "settings"
    tree: Mapping[str, Any] = dataclasses.field(default_factory=dict, compare=False)
    variables: Mapping[tuple[str, ...], str] = dataclasses.field(default_factory=dict, compare=False)

    def variable(self, path: Steps, problem: str = "") -> str | None:
        """Return the variable that causes a problem at this path, if one does."""
        steps = tuple(map(str, path))
        for length in range(len(steps), 0, -1):
            if found := self.variables.get(steps[:length]):
                return found
        for other, variable in self.variables.items():
            # A rule between two settings names the other one with its value: "above suspect_after (2.5)".
            beside = other[:-1] == steps[:-1] and f"{other[-1]} (" in problem
            if beside or (other[: len(steps)] == steps and self.value(path) is None):
                return variable
        return None

    def place(self, path: Steps, problem: str = "") -> str:
        """Return the variable that causes a problem, or else the file and the key."""
        dotted = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        return self.variable(path, problem) or f"{self.file}: {dotted.removeprefix('.')}"

    def value(self, path: Steps) -> Any:
        """Return what the file holds at this path, or None."""
        node: Any = self.tree
        for step in path:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                return None
        return node


class VariableSource(EnvSettingsSource):
    """The variables of `origin`, which also reach into lists of tables: `CAMWATCH_BROKERS__0__URL`."""

    def __init__(self, model: type[BaseSettings], environ: Mapping[str, str], origin: Origin) -> None:
        super().__init__(model, env_prefix=_PREFIX, env_nested_delimiter="__")
        self.env_vars = {name.lower(): environ[name] for name in origin.variables.values()}
        self.faults: list[ConfigProblem] = []
        self._origin = origin

    def __call__(self) -> dict[str, Any]:
        """Return what the variables set; a list comes whole, with the items that only the file has."""
        fields, variables = self.settings_cls.model_fields, self._origin.variables
        self.faults += [fault for path, name in variables.items() for fault in self._unread(path, name)]
        # The library skips variables of unknown sections; as empty tables they are refused like the file's.
        found = {path[0]: {} for path in variables if len(path) > 1} | super().__call__()
        for name, field in fields.items():
            if _item_of(field) and (steps := self.explode_env_vars(name, field, self.env_vars)):
                base = self._origin.value((name,)) if isinstance(found[name], dict) else found[name]
                found[name] = self._items(name, steps, [] if base is None else base)
                if not found[name]:
                    del found[name]  # no step led to an item: all are faults
        return found

    def next_field(self, field: Any, key: str, case_sensitive: bool | None = None) -> Any:
        """Return the field or the model that `key` leads to."""
        return _item_of(field) or super().next_field(field, key, case_sensitive)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return a list or a table from its JSON; validation refuses anything else."""
        try:
            return super().decode_complex_value(field_name, field, value) if value[0] in "[{" else value
        except (ValueError, RecursionError):
            return value

    def _items(self, name: str, steps: dict[str, Any], base: Any) -> Any:
        if not isinstance(base, list):
            return base
        items = list(base)
        for step in sorted(steps, key=lambda step: step.zfill(4)):
            index = int(step) if re.fullmatch("[0-9]{1,4}", step) else -1
            if index == len(items):
                items.append({})
            if 0 <= index < len(items):
                tables = isinstance(items[index], dict) and isinstance(steps[step], dict)
                items[index] = items[index] | steps[step] if tables else steps[step]
            else:
                there = f"it is a list of {len(items)}, counted from 0, and can be extended by one"
                place = self._origin.place((name, step))
                self.faults.append(ConfigProblem(place, f"{name} has no {step!r}: {there}"))
        return items

    def _unread(self, path: tuple[str, ...], variable: str) -> Iterator[ConfigProblem]:
        fields = self.settings_cls.model_fields
        for end in range(1, len(path) if path[0] in fields else 0):
            if not isinstance(self._origin.value(path[:end]), dict | list | None):
                yield ConfigProblem(
                    variable, f"{'.'.join(path[:end])} has no {path[end]!r}: it is not a table"
                )
        section, _, name = path[0].partition("_")
        known = getattr(fields[section].annotation, "model_fields", ()) if section in fields else ()
        if len(path) == 1 and name in known:
            meant = f"{_PREFIX}{section}__{name}".upper()
            yield ConfigProblem(variable, f"is not read: separate levels by two underscores, {meant}")


def load(model: type[_S], file: Path | None, environ: Mapping[str, str]) -> tuple[_S, Origin]:
    """Return the settings in a file and in the variables over it, and where they were written.

    The model takes its sources as an argument. Raises ConfigError with every fault.
    """
    tree = {} if file is None else read_toml(file)
    # An empty variable counts as unset.
    names = sorted(name for name in environ if name.startswith(_PREFIX) and environ[name])
    paths = {tuple(name.removeprefix(_PREFIX).lower().split("__")): name for name in names}
    origin = Origin(file.name if file else "settings", tree, paths)
    variables = VariableSource(model, environ, origin)
    values = {"sources": (InitSettingsSource(model, variables()), InitSettingsSource(model, tree))}
    return validate(model, values, origin, tuple(variables.faults)), origin


def validate(
    model: type[_M], values: Mapping[str, Any], origin: Origin, faults: tuple[ConfigProblem, ...] = ()
) -> _M:
    """Return a model of these values. Raises ConfigError with `faults` and every fault of the values."""
    try:
        result = model(**values)
    except ValidationError as error:
        faults += tuple(_faults_of(error, model, origin))
    if faults:
        # Raised out here: the library's error, which holds the values, must not be part of ours.
        raise ConfigError(faults)
    return result


def read_toml(file: Path) -> dict[str, Any]:
    """Return what a TOML file holds. Raises ConfigError, with line and column where they are known."""
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
        fault = ConfigProblem(f"{file.name}, line {line}", "is not UTF-8: save the file as UTF-8")
    except (ValueError, RecursionError) as error:
        found = _TOML_PLACE.fullmatch(str(error))
        where = f"{file.name}, line {found['line']}, column {found['column']}" if found else file.name
        fault = ConfigProblem(where, f"is not valid TOML: {found['problem'] if found else error}")
    raise ConfigError((fault,))


def _item_of(field: Any) -> Any:
    """Return the model of the items of a list of tables; None for other fields."""
    annotation = getattr(field, "annotation", field)
    if get_origin(annotation) is tuple and hasattr(get_args(annotation)[0], "model_fields"):
        return get_args(annotation)[0]
    return None


def _faults_of(error: ValidationError, model: type[BaseModel], origin: Origin) -> Iterator[ConfigProblem]:
    for found in error.errors(include_url=False, include_input=False):
        path = tuple(step for step in found["loc"] if step != "[key]")
        problem = _problem(found, model, path)
        variable = origin.variable(path)
        if variable and found["type"] in ("tuple_type", "model_type", "dict_type"):
            problem += ", written as JSON"
        if not variable and found["type"] == "string_type":
            problem += ", in quotes"
        yield ConfigProblem(origin.place(path, problem), problem)


def _problem(found: Any, model: type[BaseModel], path: Steps) -> str:
    if found["type"] == "extra_forbidden":
        known = _fields_at(model, path[:-1])
        close = difflib.get_close_matches(str(path[-1]), known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"use {', '.join(known)}"
        return f"{path[-1]!r} is not a setting: {hint}"
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    if wanted := _WANTED.get(found["type"].partition("_")[0]):
        return f"must be {wanted}"
    return re.sub(r"^(Input|String|Value) should ", "must ", found["msg"])


def _fields_at(model: type[BaseModel], path: Steps) -> list[str]:
    annotation: Any = model
    for step in path:
        if fields := getattr(annotation, "model_fields", None):
            annotation = fields[step].annotation
        else:  # the items of tuple[Broker, ...] or of dict[str, LivenessOverride]
            annotation = [inner for inner in get_args(annotation) if inner is not ...][-1]
    return list(annotation.model_fields)
