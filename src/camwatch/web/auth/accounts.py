"""The accounts file: names, roles, operators, and hashes of passwords and tokens.

`camwatch accounts` writes the whole file; an unknown key is an error. Only its owner and group may read it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from camwatch.errors import ConfigError, ConfigProblem
from camwatch.settings import sources
from camwatch.settings.value_types import Id
from camwatch.web.auth.hashing import hash_problem
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal, Role

MOST_NAME = 63
"""Maximum length of an account's name, characters."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.@+_-]{0,62}")
_TOKEN_ID = re.compile(r"[0-9a-f]{8}")
_HEAD = re.compile(r"^[ \t]*\[\[[ \t]*accounts[ \t]*\]\]", re.MULTILINE)
_NUMBER = re.compile(r"accounts\[(\d+)\]")
_WRITTEN = "# camwatch's accounts. `camwatch accounts` writes the whole file; unknown keys are errors.\n"


def account_name(value: str) -> str:
    """Check the name of an account."""
    if not _NAME.fullmatch(value) or value.startswith("cw_"):
        raise ValueError("must have 1 to 63 letters a-z, digits, '.', '@', '+', '_' or '-', no 'cw_' first")
    if value.lower() == LOCAL_ADMIN.name:
        raise ValueError(f"cannot be {LOCAL_ADMIN.name!r}: it names the user where there are no accounts")
    return value


def typed_name(text: str) -> str:
    """Return the canonical form of a typed name; empty if no account can have it.

    Look-ups, throttling and logs all use this form.
    """
    name = text.strip()
    return name.lower() if _NAME.fullmatch(name) else ""


def _token_id(value: str) -> str:
    if not _TOKEN_ID.fullmatch(value):
        raise ValueError("must be 8 digits 0-9 a-f, as `camwatch accounts add --token` draws them")
    return value


def _hash(value: str) -> str:
    if problem := hash_problem(value):
        raise ValueError(problem)
    return value


_Hash = Annotated[str, AfterValidator(_hash)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class StoredToken(_Row):
    """An API token; `expires` is None for one that never does."""

    id: Annotated[str, AfterValidator(_token_id)]
    hash: _Hash = Field(repr=False)
    created: AwareDatetime
    expires: AwareDatetime | None = None

    def holds_at(self, utc_s: float) -> bool:
        """Return whether it has not expired."""
        return self.expires is None or utc_s < self.expires.timestamp()


class Account(_Row):
    """An account. Without password and tokens, only a trusted proxy can authenticate its user.

    Sessions of a `wall_screen` can be renewed without limit.
    """

    name: Annotated[str, AfterValidator(account_name)]
    role: Role
    operators: Annotated[tuple[Id, ...], Field(min_length=1)] | None = None
    password: _Hash | None = Field(default=None, repr=False)
    tokens: tuple[StoredToken, ...] = ()
    wall_screen: bool = False

    @field_validator("wall_screen")
    @classmethod
    def _only_looks(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("role", Role.VIEWER) is not Role.VIEWER:
            raise ValueError("is for the role viewer only: a session that never ends must change nothing")
        return value

    @property
    def viewer(self) -> Principal:
        """The principal that this account authenticates."""
        return Principal(self.name, self.role, None if self.operators is None else frozenset(self.operators))


class Accounts(_Row):
    """All accounts. Names are unique regardless of case, token ids are unique."""

    accounts: tuple[Account, ...] = ()

    @field_validator("accounts")
    @classmethod
    def _are_distinct(cls, value: tuple[Account, ...]) -> tuple[Account, ...]:
        for what, found in (
            ("accounts are named", Counter(account.name.lower() for account in value)),
            ("tokens have the id", Counter(token.id for account in value for token in account.tokens)),
        ):
            for key, count in found.items():
                if count > 1:
                    raise ValueError(f"{count} {what} {key!r}: remove one of them")
        return value

    @cached_property
    def _by_name(self) -> dict[str, Account]:
        return {account.name: account for account in self.accounts}

    @cached_property
    def _by_typed(self) -> dict[str, Account]:
        return {typed_name(account.name): account for account in self.accounts}

    def get(self, name: str) -> Account | None:
        """Return the account with exactly this name."""
        return self._by_name.get(name)

    def find(self, name: str) -> Account | None:
        """Return the account with this name, regardless of case."""
        return self._by_typed.get(typed_name(name))

    def with_token(self, token_id: str) -> tuple[Account, StoredToken] | None:
        """Return a token and its account."""
        for account in self.accounts:
            for token in account.tokens:
                if token.id == token_id:
                    return account, token
        return None

    def without(self, name: str) -> Accounts:
        """Return all accounts but this one."""
        return Accounts(accounts=tuple(account for account in self.accounts if account.name != name))

    def replace(self, account: Account) -> Accounts:
        """Return the accounts with this one added, or in place of the one with its name."""
        if self.get(account.name) is None:
            return Accounts(accounts=(*self.accounts, account))
        return Accounts(accounts=tuple(account if old.name == account.name else old for old in self.accounts))


def load(file: Path) -> Accounts:
    """Read the accounts. Raises ConfigError with every fault and its line."""
    _check_mode(file)
    try:
        return sources.validate(Accounts, sources.read_toml(file), sources.Origin(file.name))
    except ConfigError as error:
        faults = tuple(_with_line(fault, file) for fault in error.problems)
    raise ConfigError(faults)


def load_for(file: Path, operators: Iterable[str]) -> Accounts:
    """Read the accounts and check their operators, as at the daemon's start. Raises ConfigError."""
    accounts = load(file)
    faults = tuple(unknown_operators(accounts, file, operators))
    if not accounts.accounts:
        problem = "contains no account: add one with `camwatch accounts add`"
        faults = (ConfigProblem(str(file), problem),)
    if faults:
        raise ConfigError(faults)
    return accounts


def unknown_operators(accounts: Accounts, file: Path, operators: Iterable[str]) -> Iterator[ConfigProblem]:
    """Yield a fault for each operator that an account names and the inventory does not know."""
    known = frozenset(operators)
    for number, account in enumerate(accounts.accounts):
        for operator in account.operators or ():
            if operator not in known:
                problem = f"account {account.name!r}: {operator!r} is not an operator of the inventory"
                yield _with_line(ConfigProblem(f"{file.name}: accounts[{number}].operators", problem), file)


def _with_line(fault: ConfigProblem, file: Path) -> ConfigProblem:
    """Add the line of the account's table to a fault, if it can be found."""
    found = _NUMBER.search(fault.place)
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, ValueError):
        return fault
    heads = [head.start() for head in _HEAD.finditer(text)]
    if found is None or int(found[1]) >= len(heads):
        return fault
    line = text.count("\n", 0, heads[int(found[1])]) + 1
    return ConfigProblem(
        fault.place.replace(f"{file.name}: ", f"{file.name}, line {line}: ", 1), fault.problem
    )


def _check_mode(file: Path) -> None:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        problem = (
            "does not exist: add an account with `camwatch accounts add` or correct accounts_file in [access]"
        )
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    else:
        if not stat.S_ISREG(mode):
            problem = "is not a file: accounts_file in [access] must name one"
        elif stat.S_IMODE(mode) & 0o027:
            problem = f"may be read or written by others (mode {stat.S_IMODE(mode):04o}): chmod 600 it"
        else:
            return
    raise ConfigError((ConfigProblem(str(file), problem),))


# Writing


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Lock the file against other writers. Raises OSError."""
    folder = os.open(file.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def write(accounts: Accounts, file: Path) -> None:
    """Write the file atomically, readable by its owner only. Raises OSError.

    If root writes it, it keeps the owner and group of the old file or the folder, so that the daemon can
    read it; if that owner is root as well, the group may read.
    """
    file = file.resolve()
    model = (file if file.exists() else file.parent).stat()
    beside = file.with_name(f".camwatch-{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            if os.geteuid() == 0:
                os.fchown(stream.fileno(), model.st_uid, model.st_gid)
                os.fchmod(stream.fileno(), 0o600 if model.st_uid else 0o640)
            stream.write(to_toml(accounts).encode())
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(file)
        _sync(file.parent)
    finally:
        beside.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def to_toml(accounts: Accounts) -> str:
    """Return the content of the file."""
    return "\n".join((_WRITTEN, *(_table(account) for account in accounts.accounts)))


def _table(account: Account) -> str:
    lines = ["[[accounts]]", f"name = {json.dumps(account.name)}", f"role = {json.dumps(account.role)}"]
    if account.operators is not None:
        lines.append(f"operators = {json.dumps(list(account.operators))}")
    if account.password is not None:
        lines.append(f"password = {json.dumps(account.password)}")
    if account.wall_screen:
        lines.append("wall_screen = true")
    for token in account.tokens:
        lines += ["", "[[accounts.tokens]]", f"id = {json.dumps(token.id)}"]
        lines += [f"hash = {json.dumps(token.hash)}", f"created = {_instant(token.created)}"]
        if token.expires is not None:
            lines.append(f"expires = {_instant(token.expires)}")
    return "".join(f"{line}\n" for line in lines)


def _instant(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
