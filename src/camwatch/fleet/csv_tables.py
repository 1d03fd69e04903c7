"""CSV tables as spreadsheets write them: rows with named cells, and every problem with its place.

Reading a table never raises: problems are collected. Invalid rows are still yielded, so that their ids are
known and one problem does not cause others.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

from camwatch.dates import quoted
from camwatch.errors import ConfigProblem
from camwatch.fleet.fields import FieldError

MAX_BYTES = 16 * 1024 * 1024
"""Maximum size of a table: some hundred thousand cameras."""
_SEPARATORS = (",", ";", "\t")
_SEPARATOR_LINE = re.compile(
    r'"?sep=([,;\t])"?[,;\s]*$', re.IGNORECASE
)  # Excel writes, and reads, such a line

MAX_FAULTS = 1_000
"""After this many problems the rest of a table is not read."""

_T = TypeVar("_T")


class CsvRow:
    """One row: cells by column, without surrounding blanks; `is_valid` until a problem is found."""

    __slots__ = ("_cells", "_table", "is_complete", "is_valid", "line")

    def __init__(self, table: CsvTable, line: int, cells: dict[str, str], *, whole: bool) -> None:
        self._table = table
        self._cells = cells
        self.line = line  # where the row begins, counted from 1
        self.is_complete = whole  # has as many cells as the header
        self.is_valid = whole

    def __getitem__(self, column: str) -> str:
        return self._cells.get(column, "")

    def read(self, column: str, parse: Callable[[str], _T]) -> _T:
        """Return the cell's value; on a `FieldError`, note it and return None."""
        try:
            return parse(self[column])
        except FieldError as error:
            self.add_error(column, str(error))
            return cast("_T", None)  # an invalid row yields no record

    def read_number(self, column: str, parse: Callable[[str], _T]) -> _T:
        """As `read`, but accept a decimal comma unless commas separate the cells."""
        comma_means_point = self._table.separator != ","
        return self.read(column, lambda cell: parse(cell.replace(",", ".", 1) if comma_means_point else cell))

    def add_error(self, column: str, problem: str) -> None:
        """Note a problem of this cell."""
        self.is_valid = False
        self._table.add_error(problem, self.line, column)


class CsvTable:
    """One CSV file: its rows, and its problems in `faults`.

    `fully_read` is true once all rows were read; before, a missing id means nothing.
    """

    def __init__(self, file: Path, columns: tuple[str, ...], *, required: bool = True) -> None:
        self.file = file
        self.columns = columns
        self.faults: list[ConfigProblem] = []
        self.separator = ","
        self.fully_read = False
        self._required = required

    def add_error(self, problem: str, line: int = 0, column: str = "") -> None:
        """Note a problem of the file, of a line, or of a column of it."""
        where = (self.file.name, f"line {line}" if line else "", f"column {column}" if column else "")
        self.faults.append(ConfigProblem(", ".join(filter(None, where)), problem))

    def rows(self) -> Iterator[CsvRow]:
        """Yield the rows below the header, except empty ones; note problems of their shape."""
        content = self._content()
        if content is None:
            return
        lines = self._records(self._decoded(content))
        header = next(lines, None)
        if header is None:
            self.add_error(f"is empty: its first line must name the columns {','.join(self.columns)}")
            return
        if self._header_fits(*header):
            yield from self._named(header[1], lines)

    def _named(self, names: list[str], lines: Iterator[tuple[int, list[str]]]) -> Iterator[CsvRow]:
        for line, cells in lines:
            # Spreadsheets leave out empty cells at the end of a row, or write more of them.
            cells.extend([""] * (len(names) - len(cells)))
            whole = not any(cells[len(names) :])
            if not whole:
                self.add_error(
                    f"has {_count(len(cells), 'cell')}, the header {len(names)}: quote texts that contain "
                    f"{self.separator!r}, and omit no cell",
                    line,
                )
            yield CsvRow(self, line, dict(zip(names, cells, strict=False)), whole=whole)
            if len(self.faults) >= MAX_FAULTS:
                self.add_error(f"has {MAX_FAULTS} faults or more: the lines after {line} were not read")
                return
        self.fully_read = True

    def _content(self) -> bytes | None:
        try:
            if not self.file.is_file() and self.file.exists():  # opening a pipe would hold the daemon
                self.add_error("is not a regular file: put a CSV table there")
                return None
            with self.file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except FileNotFoundError:
            self.fully_read = not self._required
            if self._required:
                self.add_error(
                    f"is missing: {self.file.parent} needs it, with the columns {','.join(self.columns)}"
                )
            return None
        except OSError as error:
            self.add_error(f"cannot be read: {error.strerror or error}")
            return None
        if len(content) > MAX_BYTES:
            self.add_error(f"is larger than {MAX_BYTES >> 20} MiB: is it a table of this fleet?")
            return None
        return content

    def _decoded(self, content: bytes) -> str:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            self.add_error("is UTF-16: save it as “CSV UTF-8”", 1)
            return ""
        for line, text in enumerate(re.split(rb"\r\n|\r|\n", content), 1):
            try:
                text.decode()
            except UnicodeDecodeError as error:
                self.add_error(f"byte {error.start + 1} is not UTF-8: save the table as “CSV UTF-8”", line)
            if len(self.faults) >= MAX_FAULTS:
                break
        return content.decode("utf-8-sig", errors="replace")  # to find the other problems

    def _records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the first line of each record, and its cells without surrounding blanks."""
        first = next((line for line in io.StringIO(text) if line.strip()), "")
        declared = _SEPARATOR_LINE.match(first)
        # A header has separators only between its cells; on a tie it is the comma.
        self.separator = declared[1] if declared else max(_SEPARATORS, key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True)
        words: dict[str, str] = {}  # equal cells of many rows share one string
        while True:
            line = reader.line_num + 1
            try:
                cells = [words.setdefault(word, word) for word in map(str.strip, next(reader))]
            except StopIteration:
                return
            except csv.Error as error:
                self.add_error(_csv_problem(error), line)
                if len(self.faults) >= MAX_FAULTS:
                    return
                continue
            if declared is not None and any(cells):
                declared = None  # the `sep=` line is not a row
            elif any(cells):  # spreadsheets leave rows of separators behind
                yield line, cells

    def _header_fits(self, line: int, names: list[str]) -> bool:
        strangers = [name for name in names if name and name not in self.columns]
        missing = [column for column in self.columns if column not in names]
        twice = sorted({name for name in names if name and names.count(name) > 1})
        for column in missing:
            close = difflib.get_close_matches(column, strangers, 1)
            hint = (
                f"is {quoted(close[0])} meant?" if close else "add it to the header; its cells may be empty"
            )
            self.add_error(f"the column {column} is missing: {hint}", line)
        for name in twice:
            self.add_error(f"names the column {quoted(name)} twice: keep one", line)
        return not missing and not twice


def _csv_problem(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end of data" in message:
        return "opens a quote that is never closed: close it"
    if "field larger" in message:
        return "has a cell of more than 131072 characters: is a closing quote missing?"
    return f"is not valid CSV ({message}): write a quote inside a quoted cell twice"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
