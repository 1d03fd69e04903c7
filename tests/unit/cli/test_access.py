"""`camwatch accounts`: accounts and tokens made, listed, changed and revoked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from argon2 import PasswordHasher
from typer.testing import CliRunner, Result

from camwatch.cli import app
from camwatch.web.auth import hashing
from camwatch.web.auth.accounts import Accounts, load
from tests.support.tables import cameras, operator, write_fleet

PASSWORD = "rue des cordeliers"  # noqa: S105
Run: TypeAlias = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs `camwatch accounts`, with a fleet of two operators and no accounts yet."""
    for name in [name for name in os.environ if name.startswith("CAMWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    write_fleet(tmp_path / "fleet", cameras(2), operators=[operator("ville"), operator("sacogiva")])
    Path("camwatch.toml").write_text(
        'fleet.path = "fleet"\naccess.accounts_file = "accounts.toml"\nhttp.listen = "0.0.0.0:0"\n'
    )

    def run_it(*arguments: str, given: str = "", config: str = "camwatch.toml") -> Result:
        return CliRunner().invoke(app, ["accounts", *arguments, "--config", config], input=given)

    return run_it


def known() -> Accounts:
    return load(Path("accounts.toml"))


def is_password(name: str, password: str) -> bool:
    account = known().get(name)
    assert account is not None
    return PasswordHasher().verify(account.password or "", password)


def test_an_account_is_made_with_a_password_that_is_typed_twice(run: Run) -> None:
    done = run("add", "alice", "--role", "admin", given=f"{PASSWORD}\n{PASSWORD}\n")
    assert done.exit_code == 0
    assert done.output.endswith("alice added.\n")
    assert PASSWORD not in done.output, "the terminal does not show it"
    assert is_password("alice", PASSWORD)
    assert Path("accounts.toml").stat().st_mode & 0o137 == 0
    again = run("add", "bob", "--role", "viewer", given=f"{PASSWORD}\nother\n{PASSWORD}\n{PASSWORD}\n")
    assert again.exit_code == 0, "who mistypes is asked again"


def test_a_script_gives_the_password_on_standard_input(run: Run) -> None:
    done = run(
        "add", "lady", "--role", "viewer", "--operator", "sacogiva", "--password-stdin", given=f"{PASSWORD}\n"
    )
    assert done.exit_code == 0, done.output
    assert is_password("lady", PASSWORD)
    lady = known().get("lady")
    assert lady is not None
    assert lady.operators == ("sacogiva",)


def test_a_token_is_shown_once_and_only_its_hash_is_kept(run: Run) -> None:
    done = run("add", "bot", "--role", "viewer", "--token", "--days", "30")
    assert done.exit_code == 0, done.output
    (text,) = re.findall(r"^(cw_\S+)$", done.output, re.MULTILINE)
    token = hashing.read_token(text)
    assert token is not None
    found = known().with_token(token.id)
    assert found is not None
    account, kept = found
    assert account.password is None
    assert kept.expires is not None
    assert (kept.expires - kept.created).days == 30
    assert PasswordHasher().verify(kept.hash, token.secret)
    assert token.secret not in Path("accounts.toml").read_text()
    more = run("add", "BOT", "--token")
    assert more.exit_code == 0
    bot = known().get("bot")
    assert bot is not None
    assert len(bot.tokens) == 2


def test_an_account_is_changed_only_where_one_says_so(run: Run) -> None:
    run("add", "alice", "--role", "viewer", "--password-stdin", given=PASSWORD)
    refused = run("add", "Alice", "--role", "admin", "--password-stdin", given="another password")
    assert refused.exit_code == 2
    assert "use --change to change it" in refused.output
    assert run("add", "alice", "--change", "--role", "editor", "--operator", "ville").exit_code == 0
    alice = known().get("alice")
    assert alice is not None
    assert (alice.role, alice.operators) == ("editor", ("ville",))
    assert is_password("alice", PASSWORD)
    given = "another password\nanother password\n"
    assert run("add", "alice", "--change", given=given).exit_code == 0
    assert is_password("alice", "another password")
    assert run("add", "alice", "--change", "--no-password").exit_code == 0
    alice = known().get("alice")
    assert alice is not None
    assert (alice.role, alice.password) == ("editor", None)


def test_the_list_shows_all_in_80_columns_and_no_secret(run: Run) -> None:
    assert "No accounts." in run("list").output
    run("add", "a" * 40, "--role", "editor", "--operator", "sacogiva", "--operator", "ville", "--no-password")
    run("add", "sacogiva", "--role", "viewer", "--operator", "sacogiva", "--password-stdin", given=PASSWORD)
    run("add", "sacogiva", "--token", "--days", "9")
    run("add", "sacogiva", "--token")
    done = run("list")
    assert max(map(len, done.output.splitlines())) <= 80
    assert "argon2" not in done.output
    rows = [re.split(r"\s{2,}", line) for line in done.output.splitlines()]
    assert rows[0] == ["ACCOUNT", "ROLE", "OPERATORS", "LOGIN"]
    assert rows[1] == ["a" * 40, "editor", "sacogiva,", "proxy"]
    assert rows[2] == ["", "ville"], "what does not fit goes on below"
    assert rows[3] == ["sacogiva", "viewer", "sacogiva", "password, 2 tokens"]
    assert rows[5] == ["TOKEN", "ACCOUNT", "CREATED", "EXPIRES"]
    assert [row[3] == "never" for row in rows[6:]] == [False, True]


def test_an_account_or_a_token_is_revoked_and_the_last_one_with_a_warning(run: Run) -> None:
    run("add", "bot", "--role", "viewer", "--token")
    run("add", "alice", "--role", "admin", "--token")
    alice = known().get("alice")
    assert alice is not None
    (token,) = alice.tokens
    assert run("revoke", f"cw_{token.id}").output == f"token {token.id} of alice revoked.\n"
    assert run("revoke", "Bot").output == "bot revoked, with 1 token.\n"
    unknown = run("revoke", "carol")
    assert unknown.exit_code == 1
    assert "no account or token 'carol'" in unknown.output
    last = run("revoke", "alice")
    assert last.exit_code == 0
    assert "No accounts left" in last.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "a b", "--role", "viewer", "--token"), "the name must have"),
        (("add", "local", "--role", "viewer", "--token"), "the name cannot be 'local'"),
        (("add", "x", "--token"), "a new account needs a role"),
        (("add", "x", "--role", "root"), "'root' is not one of"),
        (("add", "x", "--role", "viewer", "--operator", "nobody", "--token"), "use one of sacogiva, ville"),
        (("add", "x", "--role", "viewer", "--days", "3", "--password-stdin"), "add --token"),
        (("add", "x", "--change", "--role", "viewer"), "account 'x' does not exist"),
        (("add", "x", "--role", "viewer", "--password-stdin"), "the password is too short"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_and_changes_nothing(run: Run, arguments: tuple[str, ...], told: str) -> None:
    done = run(*arguments, given="short\n")
    assert done.exit_code == 2
    assert told in done.output
    assert not Path("accounts.toml").exists()


def test_settings_without_a_file_for_the_accounts_say_what_to_set(run: Run) -> None:
    Path("none.toml").write_text('fleet.path = "fleet"\n')
    done = run("list", config="none.toml")
    assert done.exit_code == 2
    assert "set accounts_file in [access]" in done.output


def test_a_faulty_file_is_told_and_left_alone(run: Run) -> None:
    file = Path("accounts.toml")
    file.write_text("[[accounts]]\nname = 1\n")
    file.chmod(0o600)
    done = run("add", "alice", "--role", "viewer", "--token")
    assert done.exit_code == 2
    assert "accounts.toml, line 1: accounts[0].name: must be text" in done.output
    assert file.read_text() == "[[accounts]]\nname = 1\n"


def test_a_folder_that_cannot_be_written_is_told(run: Run) -> None:
    Path("elsewhere.toml").write_text('fleet.path = "fleet"\naccess.accounts_file = "no/accounts.toml"\n')
    done = run("add", "alice", "--role", "viewer", "--token", config="elsewhere.toml")
    assert done.exit_code == 1
    assert "no/accounts.toml cannot be written: No such file" in done.output


def test_check_config_finds_what_is_wrong_with_the_accounts(run: Run) -> None:
    def checked() -> Result:
        return CliRunner().invoke(app, ["check-config", "--config", "camwatch.toml"])

    assert "does not exist" in checked().output
    run("add", "lady", "--role", "viewer", "--operator", "sacogiva", "--token")
    assert checked().exit_code == 0
    write_fleet(Path("fleet"), cameras(2), operators=[operator("ville")])
    done = checked()
    assert done.exit_code == 2
    assert "account 'lady': 'sacogiva' is not an operator of the inventory" in done.output


def test_a_wall_screen_is_a_viewer_and_nothing_else(run: Run) -> None:
    done = run("add", "wall", "--role", "viewer", "--wall-screen", "--password-stdin", given=f"{PASSWORD}\n")
    assert done.exit_code == 0
    wall = known().get("wall")
    assert wall is not None
    assert wall.wall_screen
    assert run("add", "x", "--role", "editor", "--wall-screen").exit_code == 2
    assert run("add", "wall", "--change", "--role", "editor").exit_code == 0
    changed = known().get("wall")
    assert changed is not None
    assert not changed.wall_screen, "who may change something logs in again after 30 days"
    assert run("add", "wall", "--change", "--wall-screen").exit_code == 2
    assert run("add", "wall", "--change", "--role", "viewer", "--wall-screen").exit_code == 0
    assert is_password("wall", PASSWORD)
