"""What the section [history] takes, and what it says of what it does not take."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from camwatch.errors import CamwatchError, ConfigError
from camwatch.history.store import Store
from camwatch.settings import HistorySettings
from tests.support.mosquitto import free_port


def problem(**section: object) -> str:
    """Return why a section was refused."""
    with pytest.raises(ValidationError) as caught:
        HistorySettings.model_validate(section)
    [error] = caught.value.errors()
    return error["msg"]


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///camwatch.db",
        "sqlite:////var/lib/camwatch/the record #1.db",
        "postgresql://camwatch@db.example/camwatch",
        "postgresql://camwatch:p%40ss@[2001:db8::1]:5433/camwatch?sslmode=verify-full",
        "postgresql:///camwatch?host=/run/postgresql",
    ],
)
def test_a_file_or_a_server_is_named_by_its_url(url: str) -> None:
    assert HistorySettings(url=url).scheme == url.partition(":")[0]


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///file::memory:?uri=true"]
)
def test_a_store_in_memory_is_refused_for_it_remembers_nothing(url: str) -> None:
    assert "is lost when camwatch stops" in problem(url=url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://camwatch.db", "three slashes"),
        ("sqlite:camwatch.db", "three slashes"),
        ("sqlite:///camwatch.db?mode=ro", "without '?'"),
        ("sqlite:///cam\nwatch.db", "without '?'"),
        ("postgresql+asyncpg://h/db", "must begin with sqlite:/// or postgresql://"),
        ("postgres://h/db", "must begin with sqlite:/// or postgresql://"),
        ("postgresql://h", "names no database"),
        ("postgresql://h:port/db", "must be like postgresql://"),
        ("postgresql://h:0/db", "must be like postgresql://"),
        ("postgresql://[::1/db", "must be like postgresql://"),
        ("postgresql://camwatch:hunter2#@h/db", "must be like postgresql://"),
    ],
)
def test_a_url_that_names_no_store_says_how_to_write_one(url: str, said: str) -> None:
    told = problem(url=url)
    assert said in told
    assert "hunter2" not in told


def test_the_record_is_kept_for_longer_than_reports_look_back() -> None:
    """A5: windows reach back a year."""
    assert HistorySettings().retention_days == 1100
    assert "400" in problem(retention_days=399)
    assert "number" in problem(retention_days=True)
    assert HistorySettings(checkpoint_interval_s=0.1).checkpoint_interval_s == 0.1
    assert "greater than 0" in problem(checkpoint_interval_s=0)


def test_a_password_file_is_for_a_server_and_the_only_password(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    server = "postgresql://camwatch@h/db"
    assert HistorySettings(url=server, password_file=secret).password() == "hunter2"
    assert HistorySettings(url=server).password() is None
    assert "is for PostgreSQL" in problem(password_file=secret)
    assert "contains a password" in problem(url="postgresql://camwatch:x@h/db", password_file=secret)
    assert "contains a password" in problem(url="postgresql://camwatch@h/db?password=x", password_file=secret)
    settings = HistorySettings(url=server, password_file=secret)
    secret.unlink()
    with pytest.raises(ConfigError, match=r"history\.password_file: .* cannot be read"):
        settings.password()


def test_an_option_that_there_is_not_is_refused_at_once() -> None:
    """Trying again would not help."""
    where = HistorySettings(url=f"postgresql://camwatch@127.0.0.1:{free_port()}/db?sslmod=require")
    with pytest.raises(ConfigError, match="sslmod"):
        Store.open(where, wait_s=600.0)


def test_a_host_that_cannot_be_is_a_fault_of_the_setting() -> None:
    with pytest.raises(ConfigError, match=r"history\.url: names no host"):
        Store.open(HistorySettings(url="postgresql://./db"), wait_s=0.0)


PARTS = st.text("ab:/?#[]%=&. ,\\é'\"", max_size=12)


@given(rest=PARTS)
def test_any_address_is_refused_in_words_or_can_be_tried(rest: str) -> None:
    """The declared errors and no others."""
    try:
        where = HistorySettings(url=f"postgresql://127.0.0.1:1/{rest}")
    except ValidationError:
        return
    if "host" not in rest:
        with pytest.raises(CamwatchError):
            Store.open(where, wait_s=0.0)
