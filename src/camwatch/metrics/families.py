"""A metric family, and its text in the formats of Prometheus.

Names, types and labels are public. `collector.FAMILIES` has all families, from which
`docs/reference/metrics.md` is generated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Generic, NamedTuple, TypeAlias, TypeVar

_T = TypeVar("_T")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Histogram(NamedTuple):
    """A histogram's state: a count per upper bound, and one more for what is above all of them."""

    bounds: Sequence[float]
    counts: Sequence[int]
    total: float


Sample: TypeAlias = tuple[Sequence[str], float | Histogram]
"""Label values, and the value."""


class Family(NamedTuple, Generic[_T]):
    """One metric family; a counter's `name` ends in `_total`. `values` reads it at a scrape."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...]
    values: _T

    def header(self, *, openmetrics: bool) -> str:
        """Return the HELP and TYPE lines."""
        name = self.name
        if openmetrics and self.type == "counter":
            name = name.removesuffix("_total")
        return f"# HELP {name} {self.help}\n# TYPE {name} {self.type}\n"

    def text(self, samples: Iterable[Sample], *, openmetrics: bool) -> str:
        """Return the family with these samples."""
        lines = (line for labels, value in samples for line in self._lines(labels, value))
        return self.header(openmetrics=openmetrics) + "".join(lines)

    def _lines(self, labels: Sequence[str], value: float | Histogram) -> Iterator[str]:
        pairs = [f'{name}="{escaped(text)}"' for name, text in zip(self.labels, labels, strict=True)]
        if isinstance(value, Histogram):
            bounds = [*map(str, value.bounds), "+Inf"]
            for bound, count in zip(bounds, accumulate(value.counts), strict=True):
                yield _line(f"{self.name}_bucket", [*pairs, f'le="{bound}"'], count)
            yield _line(f"{self.name}_count", pairs, sum(value.counts))
            yield _line(f"{self.name}_sum", pairs, value.total)
        else:
            yield _line(self.name, pairs, value)


def _line(name: str, pairs: list[str], value: float) -> str:
    return f"{name}{{{','.join(pairs)}}} {value!r}\n" if pairs else f"{name} {value!r}\n"


def escaped(value: str) -> str:
    """Return a label value with backslash, quote and line feed escaped."""
    return value.translate(_ESCAPES)


Values: TypeAlias = Callable[[_T], Iterable[Sample] | None]
"""Reads a family's samples; None leaves the family out."""
