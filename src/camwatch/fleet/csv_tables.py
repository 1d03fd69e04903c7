"""CSV tables as people's spreadsheets write them: rows with named cells, and every fault with its place.

Whatever the bytes, reading a table raises nothing: what is wrong goes to its list of faults. A faulty
row is still handed over, so that its id is known and no second fault follows from the first.
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
"""The largest table that is read: some hundred thousand cameras."""
_SEPARATORS = (",", ";", "\t")
_SEPARATOR_TOLD = re.compile(
    r'"?sep=([,;\t])"?[,;\s]*$', re.IGNORECASE
)  # Excel writes, and reads, such a line

MAX_FAULTS = 1_000
"""Where that many faults were found in a table, the rest of it is not read."""

_T = TypeVar("_T")


class CsvRow:
    """One row: cells by column, without surrounding blanks; `ok` until a cell is found faulty."""

    __slots__ = ("_cells", "_table", "is_complete", "is_valid", "line")

    def __init__(self, table: CsvTable, line: int, cells: dict[str, str], *, whole: bool) -> None:
        self._table = table
        self._cells = cells
        self.line = line  # where the row begins, counted from 1
        self.is_complete = whole  # as many cells as the header; otherwise its fault is noted already
        self.is_valid = whole

    def __getitem__(self, column: str) -> str:
        return self._cells.get(column, "")

    def read(self, column: str, parse: Callable[[str], _T]) -> _T:
        """Return the cell's value. A `CellError` is noted, and what is returned then is not to be used."""
        try:
            return parse(self[column])
        except FieldError as error:
            self.add_error(column, str(error))
            return cast("_T", None)  # a row that is not `ok` yields no record

    def read_number(self, column: str, parse: Callable[[str], _T]) -> _T:
        """Do as `read`, with a decimal comma understood where no comma separates the cells."""
        comma_means_point = self._table.separator != ","
        return self.read(column, lambda cell: parse(cell.replace(",", ".", 1) if comma_means_point else cell))

    def add_error(self, column: str, problem: str) -> None:
        """Note that this cell cannot be taken."""
        self.is_valid = False
        self._table.add_error(problem, self.line, column)


class CsvTable:
    """One CSV file: its rows, and in `faults` all that is wrong with it.

    `complete` is true once every row was read: only then does the absence of an id mean anything.
    """

    def __init__(self, file: Path, columns: tuple[str, ...], *, required: bool = True) -> None:
        self.file = file
        self.columns = columns
        self.faults: list[ConfigProblem] = []
        self.separator = ","
        self.fully_read = False
        self._required = required

    def add_error(self, problem: str, line: int = 0, column: str = "") -> None:
        """Note what is wrong, and where: in the whole file, in a line, or in a column of it."""
        where = (self.file.name, f"line {line}" if line else "", f"column {column}" if column else "")
        self.faults.append(ConfigProblem(", ".join(filter(None, where)), problem))

    def rows(self) -> Iterator[CsvRow]:
        """Yield the rows under the header, without the empty ones; note what is wrong with their shape."""
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
                    f"has {_count(len(cells), 'cell')}, the header {len(names)}: quote a text that holds "
                    f"{self.separator!r}, and leave no cell out",
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
                self.add_error("is no regular file: put a CSV table there")
                return None
            with self.file.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except FileNotFoundError:
            self.fully_read = not self._required
            if self._required:
                self.add_error(
                    f"is missing: {self.file.parent} must hold it, with the columns {','.join(self.columns)}"
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
                self.add_error(f"byte {error.start + 1} is no UTF-8: save the table as “CSV UTF-8”", line)
            if len(self.faults) >= MAX_FAULTS:
                break
        return content.decode("utf-8-sig", errors="replace")  # to find the other faults, too

    def _records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the line on which each record begins, and its cells without the blanks around them."""
        first = next((line for line in io.StringIO(text) if line.strip()), "")
        told = _SEPARATOR_TOLD.match(first)
        # A header holds no comma but between its cells; where none prevails, it is the comma.
        self.separator = told[1] if told else max(_SEPARATORS, key=first.count)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True)
        words: dict[
            str, str
        ] = {}  # ten thousand cameras say the same again and again: one copy of it is kept
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
            if told is not None and any(cells):
                told = None  # the line that tells the separator is no row
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
        return "opens a quote that nothing closes: the rest of the file was taken for one cell"
    if "field larger" in message:
        return "has a cell of more than 131072 characters: is a closing quote missing?"
    return f"is no CSV ({message}): write a quote inside a quoted cell twice"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
