"""Value types that several sections share, and the reader of secret files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from camwatch.errors import ConfigError, ConfigProblem
from camwatch.fleet.fields import identifier
from camwatch.settings import validators as checks

DAY_S = 86_400

Finite = Annotated[float, BeforeValidator(checks.reject_bool), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(checks.reject_bool)]
Seconds = Annotated[Finite, Field(gt=0, le=DAY_S)]
Id = Annotated[str, AfterValidator(identifier)]
Label = Annotated[str, AfterValidator(checks.display_name)]
File = Annotated[Path, AfterValidator(checks.readable_file)]
KeyFile = Annotated[File, AfterValidator(checks.has_certificate)]
# A value that another setting bounds is checked even if it is the default.
BOUNDED = Field(validate_default=True)


SECTION = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
"""Sections are frozen and refuse undeclared keys."""


def secret(file: Path | None, place: str) -> str | None:
    """Return the content of `file` without a byte-order mark and one line end; None if `file` is None.

    Raises ConfigError for `place` if the file cannot be read, is empty or is not UTF-8.
    """
    if file is None:
        return None
    try:
        text = file.read_bytes().decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        problem = f"{file} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = f"{file} is not UTF-8 text: save it as UTF-8"
    else:
        if text:
            return text
        problem = f"{file} is empty: write the secret into it"
    raise ConfigError((ConfigProblem(place, problem),))
