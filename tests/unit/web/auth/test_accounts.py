"""The file of the accounts: what is in it, what is wrong with it and where, how it is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from camwatch.errors import ConfigError
from camwatch.web.auth import hashing
from camwatch.web.auth.accounts import Account, Accounts, load, load_for, write
from camwatch.web.auth.principal import Role
from tests.support.web.auth_app import TOKEN, accounts, hashed, kept

HASH = hashed("a secret")
SOUND = f'[[accounts]]\nname = "chief"\nrole = "admin"\npassword = "{HASH}"\n\n'


def file_of(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "accounts.toml"
    file.write_text(text)
    file.chmod(mode)
    return file


def faults(work: Callable[[], object]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        work()
    return [str(fault) for fault in caught.value.problems]


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    ends = datetime(2027, 1, 1, 12, tzinfo=UTC)
    known = accounts().replace(
        Account(name="bot", role=Role.VIEWER, tokens=(kept(TOKEN._replace(id="0badbabe"), expires=ends),))
    )
    write(known, file)
    assert load(file) == known
    assert stat.S_IMODE(file.stat().st_mode) & 0o137 == 0
    assert list(tmp_path.iterdir()) == [file], "nothing is left beside it"


def test_what_is_written_is_whole_or_not_there(tmp_path: Path) -> None:
    """Whoever reads meanwhile has the old file; a link stays one."""
    file = tmp_path / "folder" / "accounts.toml"
    file.parent.mkdir()
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    write(accounts(), link)
    before = file.stat().st_ino
    with file.open() as reader:
        write(Accounts(), link)
        assert "chief" in reader.read()
    assert file.stat().st_ino != before
    assert link.is_symlink()
    assert load(file).accounts == ()


def test_what_root_writes_the_daemon_can_read(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    if os.geteuid() != 0:  # others give no file away: it is theirs
        write(accounts(), file)
        assert (file.stat().st_uid, stat.S_IMODE(file.stat().st_mode)) == (os.geteuid(), 0o600)
        return
    os.chown(tmp_path, 10_001, 10_002)
    write(accounts(), file)
    assert (file.stat().st_uid, file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (
        10_001,
        10_002,
        0o600,
    )
    os.chown(file, 10_003, 10_004)
    write(accounts(), file)
    assert (file.stat().st_uid, file.stat().st_gid) == (10_003, 10_004)
    os.chown(file, 0, 10_004)
    write(accounts(), file)
    assert (file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (10_004, 0o640)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o620, 0o601, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    file = file_of(tmp_path, SOUND, mode)
    (told,) = faults(lambda: load(file))
    assert told == f"{file}: may be read or written by others (mode {mode:04o}): chmod 600 it"
    file.chmod(0o640)
    assert load(file).get("chief")


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    (told,) = faults(lambda: load(tmp_path / "accounts.toml"))
    assert "does not exist: add an account with `camwatch accounts add`" in told
    (told,) = faults(lambda: load(tmp_path))
    assert "is not a file" in told
    (told,) = faults(lambda: load_for(file_of(tmp_path, ""), ["ville"]))
    assert "contains no account" in told


NEW = '[[accounts]]\nname = "a"\nrole = "admin"\n'
WEAK = "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$iWh06vD8Fy27wf9npn6FXWiCX4K6pW6Ue1Bnzz07Z8A"
DEAR = WEAK.replace("argon2i", "argon2id").replace("m=8", "m=4194304")
KEPT = f'[[accounts.tokens]]\nid = "0badcafe"\nhash = "{HASH}"\ncreated = 2026-01-01T00:00:00Z\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[accounts]\n", "accounts.toml, line 6, column 11: is not valid TOML: "),
        ("x = 1\n", "accounts.toml, line 1: accounts[0].x: 'x' is not a setting: use name, role, "),
        ('[[accounts]]\nname = "a"\n', "accounts.toml, line 6: accounts[1].role: "),
        (NEW.replace("admin", "root"), "accounts.toml, line 6: accounts[1].role: must be 'viewer'"),
        (NEW.replace('"a"', '"a b"'), "accounts.toml, line 6: accounts[1].name: must have 1 to"),
        (NEW.replace('"a"', '"cw_a"'), "accounts[1].name: must have"),
        (NEW.replace('"a"', '"Local"'), "accounts[1].name: cannot be 'local'"),
        (NEW.replace('"a"', '"Chief"'), "accounts.toml: accounts: 2 accounts are named 'chief'"),
        (f"{NEW}operators = []\n", "accounts[1].operators: "),
        (f'{NEW}operators = ["A B"]\n', "accounts[1].operators[0]: 'A B' is not a valid id"),
        (f'{NEW}operator = ["a"]\n', "did you mean 'operators'?"),
        (f'{NEW}password = "hunter2"\n', "accounts[1].password: is not an Argon2 hash"),
        (f'{NEW}password = "{WEAK}"\n', "accounts[1].password: is not an Argon2id hash"),
        (f'{NEW}password = "{DEAR}"\n', "accounts[1].password: is a hash that takes too much memory"),
        (NEW + KEPT.replace("0badcafe", "x"), "line 6: accounts[1].tokens[0].id: must be 8 digits"),
        (NEW + KEPT.replace("00Z", "00"), "accounts[1].tokens[0].created: "),
        (NEW + KEPT * 2, "2 tokens have the id '0badcafe'"),
    ],
)
def test_every_fault_is_told_with_its_line_and_without_a_secret(tmp_path: Path, text: str, told: str) -> None:
    file = file_of(tmp_path, SOUND + text)
    found = faults(lambda: load(file))
    assert told in found[0]
    assert "hunter2" not in "".join(found)
    assert "argon2id$" not in "".join(found)


def test_an_unknown_operator_of_an_account_is_a_fault_at_the_start(tmp_path: Path) -> None:
    text = f'{SOUND}[[accounts]]\nname = "lady"\nrole = "viewer"\noperators = ["ville", "sacogiwa"]\n'
    file = file_of(tmp_path, text)
    (told,) = faults(lambda: load_for(file, ["ville", "sacogiva"]))
    assert told.startswith("accounts.toml, line 6: accounts[1].operators: account 'lady': 'sacogiwa' is not")
    assert load_for(file, ["ville", "sacogiwa"]).get("lady")


def test_no_repr_of_an_account_shows_a_hash() -> None:
    assert "argon2" not in repr(accounts())


# Secrets


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("short", "too short"), ("", "too short"), ("aaaaaaaaaaaa", "too few"), ("x" * 1025, "too long"),
        ("alexandrine12", "little more than the name"),
    ],
)  # fmt: skip
def test_a_password_that_can_be_guessed_is_refused(password: str, problem: str) -> None:
    told = hashing.password_problem(password, "alexandrine")
    assert told is not None
    assert problem in told
    assert hashing.password_problem("rue des cordeliers", "alexandrine") is None


def test_a_token_is_256_random_bits_and_is_read_as_it_was_written() -> None:
    token, other = hashing.new_token(), hashing.new_token()
    assert token.secret != other.secret
    assert hashing.read_token(str(token)) == token
    assert len(token.secret) == 43
    assert hashing.read_token(f"cw_{token.id}_{'_-' * 21}a") is not None, "what base64 may have in it"


async def test_so_many_wait_for_a_hash_and_no_more() -> None:
    verifier = hashing.PasswordVerifier()
    verifier._waiting = 16
    with pytest.raises(hashing.TooBusyError):
        await verifier.verify(HASH, "a secret")
    verifier._waiting = 0
    assert await verifier.verify(HASH, "a secret")
    assert not await verifier.verify(HASH, "another")
    assert not await verifier.verify(None, "a secret")
    assert not await verifier.verify(HASH, "\ud800")
    verifier.close()
