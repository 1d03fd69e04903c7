"""Settings: defaults, the file, variables that override it, and every fault with its place."""

from __future__ import annotations

import contextlib
import json
import os
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from camwatch.core.model import Camera, Lifecycle, Liveness, Purpose, Thresholds
from camwatch.errors import ConfigError, ConfigProblem
from camwatch.fleet.inventory import load_inventory
from camwatch.settings import Broker, Settings, exposures, load_settings, validate_against_inventory
from tests.support.paths import ROOT
from tests.support.tables import camera, operator, write_fleet

NOTHING: dict[str, str] = {}
CAMERA = Camera(
    id="cam-1",
    operator="ville",
    site="mairie",
    zone="Centre-ville",
    name="Mairie",
    purpose=Purpose.TRAFFIC,
    lifecycle=Lifecycle.IN_SERVICE,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "camwatch.toml"


def load(file: Path, text: str, **environ: str) -> Settings:
    file.write_text(text, encoding="utf-8")
    return load_settings(file, environ)


def faults(file: Path, text: str = "", **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, text, **environ)
    return [str(fault) for fault in caught.value.problems]


def fault(file: Path, text: str = "", **environ: str) -> str:
    (only,) = faults(file, text, **environ)
    return only


def test_without_file_and_variables_the_defaults_hold() -> None:
    settings = load_settings(None, NOTHING)
    assert settings == Settings()
    (broker,) = settings.brokers
    assert (broker.name, broker.endpoint) == ("main", ("mqtt", "127.0.0.1", 1883, "/mqtt"))
    assert settings.fleet.timezone == ZoneInfo("Europe/Paris")
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 10458)
    assert settings.liveness.for_camera(CAMERA) == Liveness()
    assert settings.conditions.for_camera(CAMERA) == Thresholds()


def test_the_shipped_file_has_the_defaults() -> None:
    shipped = load_settings(ROOT / "config" / "camwatch.toml", NOTHING)
    assert shipped.model_dump() == Settings().model_dump()


def test_the_commented_settings_of_the_shipped_file_are_valid(tmp_path: Path) -> None:
    shipped = (ROOT / "config" / "camwatch.toml").read_text(encoding="utf-8")
    for name in ("password", "ca.pem", "client.pem", "client.key", "http.pem", "http.key", "metrics-token"):
        (tmp_path / name).touch()
    used = re.sub(r"^# (\w+ = |\[)", r"\1", shipped, flags=re.MULTILINE)
    used = re.sub(r'"/\S+/(?:mqtt-)?(\S+)"', lambda found: f'"{tmp_path / found[1]}"', used)
    settings = load(tmp_path / "used.toml", used.replace("mqtt://127", "mqtts://127"))
    assert settings.liveness.camera["la-duranne-01"].interval_s == 5.0
    assert settings.brokers[0].key_file == tmp_path / "client.key"
    assert settings.objectives.purpose.keys() == set(Purpose)
    assert settings.access.proxy_addresses == ("10.0.0.7", "192.168.4.0/24")


def test_a_complete_file_is_read(file: Path) -> None:
    settings = load(
        file,
        """
        [fleet]
        path = "other/fleet"
        timezone = "America/Martinique"
        [mqtt]
        topic_prefix = "ville/cameras"
        [[brokers]]
        name = "main"
        url = "mqtts://broker.example:2883"
        protocol = "3.1.1"
        client_id = "camwatch-1"
        session_expiry_s = 60
        [[brokers]]
        name = "bailleurs"
        url = "wss://[2001:db8::1]/ws"
        operators = ["sacogiva"]
        [liveness]
        interval_s = 0.2
        [history]
        url = "postgresql://camwatch@db/camwatch"
        [http]
        listen = "[::1]:0"
        [log]
        format = "json"
        level = "debug"
        """,
    )
    main, landlords = settings.brokers
    assert settings.fleet.path == Path("other/fleet")
    assert main.endpoint == ("mqtts", "broker.example", 2883, "/mqtt")
    assert (main.protocol, main.session_expiry_s) == ("3.1.1", 60)
    assert landlords.endpoint == ("wss", "2001:db8::1", 443, "/ws")
    assert landlords.operators == ("sacogiva",)
    assert (settings.http.host, settings.http.port) == ("::1", 0)
    assert (settings.history.scheme, settings.liveness.interval_s) == ("postgresql", 0.2)


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtt://h", ("mqtt", "h", 1883, "/mqtt")),
        ("mqtts://h/", ("mqtts", "h", 8883, "/")),
        ("ws://h", ("ws", "h", 80, "/mqtt")),
        ("wss://h:1/a/b", ("wss", "h", 1, "/a/b")),
        ("mqtt://[::1]:5", ("mqtt", "::1", 5, "/mqtt")),
    ],
)
def test_a_broker_url_has_a_default_port_and_path(url: str, endpoint: tuple[str, str, int, str]) -> None:
    assert Broker(url=url).endpoint == endpoint


def test_variables_override_the_file_even_inside_lists(file: Path) -> None:
    settings = load(
        file,
        '[http]\nlisten = "127.0.0.1:1"\n[[brokers]]\nname = "a"\nkeep_alive_s = 5\n[log]\nlevel = "error"',
        CAMWATCH_HTTP__LISTEN="[::1]:0",
        CAMWATCH_BROKERS__0__URL="mqtt://h",
        CAMWATCH_BROKERS__1__NAME="b",
        CAMWATCH_BROKERS__1__OPERATORS='["ville", "sacogiva"]',
        CAMWATCH_LIVENESS__PURPOSE__TRAFFIC__INTERVAL_S="0.5",
        CAMWATCH_LOG__LEVEL="",
        PATH="/bin",
    )
    first, second = settings.brokers
    assert (settings.http.listen, settings.log.level) == ("[::1]:0", "error")
    assert (first.name, first.url, first.keep_alive_s) == ("a", "mqtt://h", 5)
    assert (second.name, second.operators) == ("b", ("ville", "sacogiva"))
    assert settings.liveness.for_camera(CAMERA).interval_s == 0.5


def test_map_tiles_come_from_one_origin_or_from_none(file: Path) -> None:
    assert load_settings(None).http.tiles_origins == ()
    file.write_text('[http]\ntiles_url = "https://tiles.example:8443/a/{z}/{x}/{y}.png"')
    assert load_settings(file).http.tiles_origins == ("https://tiles.example:8443",)


def test_a_purpose_may_have_an_objective_and_has_none_by_default(file: Path) -> None:
    """A7."""
    assert Settings().objectives.purpose == {}
    text = "[objectives.purpose]\nvideo_protection = 0.99\ntraffic = 1"
    settings = load(file, text, CAMWATCH_OBJECTIVES__PURPOSE__ACCESS_CONTROL="0.985")
    assert settings.objectives.purpose == {
        Purpose.VIDEO_PROTECTION: 0.99,
        Purpose.TRAFFIC: 1.0,
        Purpose.ACCESS_CONTROL: 0.985,
    }


def test_a_variable_may_set_a_whole_list_and_others_its_items() -> None:
    brokers = json.dumps([{"name": f"b{number}", "client_id": f"c{number}"} for number in range(11)])
    environ = {"CAMWATCH_BROKERS__10__URL": "ws://ten", "CAMWATCH_BROKERS": brokers}
    environ |= {"CAMWATCH_BROKERS__11__NAME": "eleven"}
    settings = load_settings(None, environ)
    assert [settings.brokers[number].url for number in (9, 10)] == ["mqtt://127.0.0.1:1883", "ws://ten"]
    assert settings.brokers[11].name == "eleven"


def test_variables_alone_make_a_list_in_the_order_of_their_indices() -> None:
    environ = {f"CAMWATCH_BROKERS__{number}__NAME": f"b{number}" for number in range(12)}
    environ |= {f"CAMWATCH_BROKERS__{number}__CLIENT_ID": f"c{number}" for number in range(12)}
    assert [broker.name for broker in load_settings(None, environ).brokers] == [f"b{n}" for n in range(12)]


def test_a_table_in_json_adds_to_the_table_of_the_file(file: Path) -> None:
    settings = load(file, '[http]\nlisten = "h:1"\nroot_path = "/a"', CAMWATCH_HTTP='{"listen": "h:2"}')
    assert (settings.http.listen, settings.http.root_path) == ("h:2", "/a")


def test_a_variable_alone_sets_the_default_broker() -> None:
    (broker,) = load_settings(None, {"CAMWATCH_BROKERS__0__URL": "mqtts://h"}).brokers
    assert (broker.name, broker.url) == ("main", "mqtts://h")


def test_variables_that_a_cluster_sets_for_a_service_are_ignored() -> None:
    cluster = {
        "CAMWATCH_PORT": "tcp://10.0.0.1:10458",
        "CAMWATCH_SERVICE_HOST": "10.0.0.1",
        "CAMWATCH_HTTP_PORT": "1",
    }
    assert load_settings(None, cluster) == Settings()


def test_every_fault_is_reported_at_once_with_its_place(file: Path) -> None:
    text = """
        [fleet]
        timezone = "Europe/Pariss"
        [http]
        listn = "127.0.0.1:1"
        [[brokers]]
        protocol = 5
        client_id = 7
        keep_alive_s = 30.5
        [[brokers]]
        url = "mqtt://h:99999"
        [liveness]
        suspect_after = 5
        will_grace_s = inf
        [liveness.purpose."vidéo"]
        interval_s = 1
        """
    told = faults(file, text, CAMWATCH_LIVENESS__INTERVAL_S="-1", CAMWATCH_HTPP__LISTEN="x")
    assert told == [
        "camwatch.toml: fleet.timezone: 'Europe/Pariss' is not a time zone: did you mean 'Europe/Paris'?",
        "camwatch.toml: brokers[0].protocol: must be '5' or '3.1.1'",
        "camwatch.toml: brokers[0].client_id: must be text, in quotes",
        "camwatch.toml: brokers[0].keep_alive_s: must be a whole number",
        "camwatch.toml: brokers[1].url: has no valid host and port: write it like mqtt://broker.example:1883",
        "CAMWATCH_LIVENESS__INTERVAL_S: must be greater than 0",
        "camwatch.toml: liveness.down_after: must be above suspect_after (5), it is 4.5",
        "camwatch.toml: liveness.will_grace_s: must be a finite number",
        "camwatch.toml: liveness.purpose.vidéo: must be 'video_protection', 'access_control' or 'traffic'",
        "camwatch.toml: http.listn: 'listn' is not a setting: did you mean 'listen'?",
        "CAMWATCH_HTPP__LISTEN: 'htpp' is not a setting: did you mean 'http'?",
    ]


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ('[mqtt]\ntopic_prefix = "/a"', "mqtt.topic_prefix", "without a leading or trailing slash"),
        ('[mqtt]\ntopic_prefix = "a/+"', "mqtt.topic_prefix", "without '+'"),
        ('[mqtt]\ntopic_prefix = "$SYS/a"', "mqtt.topic_prefix", "a leading '$'"),
        ('[mqtt]\ntopic_prefix = ""', "mqtt.topic_prefix", "an empty level"),
        ("brokers = []", "brokers", "at least one broker"),
        ("[brokers]", "brokers", "must be a list"),
        ("http = 3", "http", "must be a table of settings"),
        ("[http]\ntiles_url = 'ftp://h/{z}/{x}/{y}'", "http.tiles_url", "must be like https://"),
        ("[http]\ntiles_url = 'https://h/{z}/{x}'", "http.tiles_url", "must contain {z}, {x} and {y}"),
        ("[http]\ntiles_url = 'https://{s}.h/{z}/{x}/{y}'", "http.tiles_url", "one host"),
        ("[http]\ntiles_url = 'https://a:b@h/{z}/{x}/{y}'", "http.tiles_url", "contains credentials"),
        ("[[brokers]]\n[[brokers]]\nclient_id = 'b'", "brokers", "2 brokers are named 'main'"),
        ("[[brokers]]\n[[brokers]]\nname = 'b'", "brokers", "would disconnect each other"),
        ("[[brokers]]\nname = ' a'", "brokers[0].name", "printable characters"),
        ("[[brokers]]\nurl = 'http://h'", "brokers[0].url", "must begin with mqtt://"),
        ("[[brokers]]\nurl = 'mqtt://'", "brokers[0].url", "and a host"),
        ("[[brokers]]\nurl = 'mqtt://h:0'", "brokers[0].url", "no valid host and port"),
        ("[[brokers]]\nurl = 'mqtt://h/path'", "brokers[0].url", "only ws:// and wss:// have a path"),
        ("[[brokers]]\nurl = 'ws://h/?a=b'", "brokers[0].url", "without '?'"),
        ("[[brokers]]\nurl = 'ws://[::1'", "brokers[0].url", "no valid host and port"),
        ("[[brokers]]\nkeep_alive_s = 0", "brokers[0].keep_alive_s", "greater than or equal to 1"),
        ("[[brokers]]\nkeep_alive_s = true", "brokers[0].keep_alive_s", "must be a number"),
        ("[[brokers]]\nreconnect_min_s = 60", "brokers[0].reconnect_max_s", "at least reconnect_min_s (60)"),
        ("[[brokers]]\noperators = ['Ville']", "brokers[0].operators[0]", "'Ville' is not a valid id"),
        ("[[brokers]]\npassword = 'x'", "brokers[0].password", "did you mean 'password_file'?"),
        ("[liveness]\ninterval_s = true", "liveness.interval_s", "must be a number"),
        ("[liveness]\ninterval_s = nan", "liveness.interval_s", "finite"),
        ("[liveness]\nstall_after_s = 0", "liveness.stall_after_s", "greater than 0"),
        ("[liveness.camera.a]\ndown_after = 2", "liveness.camera", "in a, down_after must be above"),
        ("[liveness.camera.A]\n", "liveness.camera.A", "'A' is not a valid id"),
        ("[liveness.operator.a]\nstall_after_s = 2", "liveness.operator.a.stall_after_s", "is not a setting"),
        ("[conditions]\ntemperature_min_celsius = 80", "conditions.temperature_max_celsius", "must be above"),
        (
            "[conditions.purpose.traffic]\nfps_min = -1",
            "conditions.purpose.traffic.fps_min",
            "must be greater",
        ),
        (
            "[conditions.purpose.traffic]\ntemperature_max_celsius = -30",
            "conditions.purpose",
            "in traffic, temperature_max_celsius must be above temperature_min_celsius (-25)",
        ),
        ("[objectives.purpose]\ntraffic = 99", "objectives.purpose.traffic", "less than or equal to 1"),
        ("[objectives.purpose]\ntraffic = 0", "objectives.purpose.traffic", "greater than 0"),
        ("[objectives.purpose]\ntraffic = true", "objectives.purpose.traffic", "must be a number"),
        ("[objectives.purpose]\ntrafic = 0.9", "objectives.purpose.trafic", "'access_control' or 'traffic'"),
        ("[objectives]\ntraffic = 0.9", "objectives.traffic", "is not a setting: use purpose"),
        ("[objectives]\npurpose = 0.9", "objectives.purpose", "must be a table of settings"),
        ("[history]\nurl = 'mysql://h'", "history.url", "sqlite:/// or postgresql://"),
        ("[http]\nlisten = ':10458'", "http.listen", "must be host:port"),
        ("[http]\nlisten = '::1:10458'", "http.listen", "must be host:port"),
        ("[http]\nlisten = 'h:65536'", "http.listen", "must be host:port"),
        ("[log]\nlevel = 'trace'", "log.level", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_an_invalid_setting_is_named_with_what_is_allowed(
    file: Path, text: str, place: str, problem: str
) -> None:
    said = fault(file, text)
    assert said.startswith(f"camwatch.toml: {place}: ")
    assert problem in said


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("CAMWATCH_BROKERS", '[{"name": "a"]', "must be a list, written as JSON"),
        ("CAMWATCH_BROKERS__0__OPERATORS", "ville", "must be a list, written as JSON"),
        ("CAMWATCH_HTTP", "127.0.0.1:1", "must be a table of settings, written as JSON"),
        ("CAMWATCH_BROKERS__2__URL", "ws://h", "brokers has no '2': it is a list of 0"),
        ("CAMWATCH_BROKERS__MAIN__URL", "ws://h", "brokers has no 'main'"),
        ("CAMWATCH_BROKERS__0__KEEP_ALIVE_S", "soon", "must be a whole number"),
        ("CAMWATCH_HTTP_LISTEN", "h:1", "separate levels by two underscores, CAMWATCH_HTTP__LISTEN"),
        ("CAMWATCH_HTTP__LISTN", "h:1", "did you mean 'listen'?"),
        ("CAMWATCH_HTTP__LISTEN__HOST", "h", "must be text"),
        ("CAMWATCH_LIVENESS__SUSPECT_AFTER", "9", "must be above suspect_after (9)"),
        ("CAMWATCH_LIVENESS__CAMERA__A__DOWN_AFTER", "2", "in a, down_after must be above"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, {variable: value})
    (only,) = caught.value.problems
    assert only.place == variable
    assert problem in only.problem


def test_a_variable_below_a_value_is_a_fault_of_the_variable(file: Path) -> None:
    told = faults(file, "http = 3", CAMWATCH_HTTP__LISTEN="h:1")
    assert told[0] == "CAMWATCH_HTTP__LISTEN: http has no 'listen': it is not a table"


def test_a_syntax_error_is_reported_with_line_and_column(file: Path) -> None:
    assert fault(file, "[http]\nlisten == 3\n").startswith(
        "camwatch.toml, line 2, column 9: is not valid TOML: "
    )
    assert fault(file, "[http").startswith("camwatch.toml")


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    latin, huge = tmp_path / "latin.toml", tmp_path / "huge.toml"
    latin.write_bytes("# ok\n# modifié\n".encode("cp1252"))
    huge.write_bytes(b"#" * (1 << 21))
    expected = {
        tmp_path / "none.toml": "none.toml: cannot be read: No such file or directory",
        tmp_path: "cannot be read: Is a directory",
        latin: "latin.toml, line 2: is not UTF-8",
        huge: "is larger than 1 MiB",
    }
    for path, problem in expected.items():
        with pytest.raises(ConfigError) as caught:
            load_settings(path, NOTHING)
        assert problem in str(caught.value)


def test_a_file_with_a_byte_order_mark_is_read(file: Path) -> None:
    assert load(file, "\ufeff[log]\nlevel = 'debug'").log.level == "debug"


def test_secret_and_certificate_files_must_exist_and_match(file: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.touch()
    encrypted = "[[brokers]]\nurl = 'mqtts://h'\n"
    assert "none does not exist" in fault(file, f"[[brokers]]\npassword_file = '{tmp_path}/none'")
    assert "is a folder" in fault(file, f"{encrypted}ca_file = '{tmp_path}'")
    assert "key_file: needs a cert_file: " in fault(file, f"{encrypted}key_file = '{there}'")
    assert "ca_file: needs an encrypted session" in fault(file, f"[[brokers]]\nca_file = '{there}'")
    text = f"[[brokers]]\nprotocol = '3.1.1'\npassword_file = '{there}'"
    assert "password_file: needs a username: " in fault(file, text)
    fine = load(file, f"{encrypted}cert_file = '{there}'\nkey_file = '{there}'\nca_file = '{there}'")
    assert fine.brokers[0].ca_file == there


def test_checking_a_pipe_with_a_secret_does_not_drain_it(file: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    settings = load(file, f"[[brokers]]\npassword_file = '{tmp_path}/pipe'")
    assert settings.brokers[0].password_file == tmp_path / "pipe"


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"se cret \n\n", "se cret \n"),
        (b"clef\xc3\xa9\r\n", "clefé"),
        (b"\xef\xbb\xbfsecret\r\n", "secret"),
    ],
)
def test_a_password_is_its_file_without_one_line_end(tmp_path: Path, content: bytes, password: str) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    assert Broker(password_file=secret).password() == password
    assert Broker().password() is None


def test_a_user_name_may_come_from_a_file(file: Path, tmp_path: Path) -> None:
    name = tmp_path / "name"
    name.write_text("camwatch-0123456789abcdef\n")
    settings = load(
        file, f"[[brokers]]\nprotocol = '3.1.1'\nusername_file = '{name}'\npassword_file = '{name}'"
    )
    assert settings.brokers[0].user() == "camwatch-0123456789abcdef"
    assert Broker(username="eye").user() == "eye"
    assert Broker().user() is None
    text = f"[[brokers]]\nusername = 'x'\nusername_file = '{name}'"
    assert "contradicts username" in fault(file, text)


def test_a_canary_needs_a_client_id_that_is_one_level(file: Path) -> None:
    assert load(file, "[[brokers]]\ncanary = true").brokers[0].canary
    assert "needs a client_id without" in fault(file, "[[brokers]]\nclient_id = 'a/b'\ncanary = true")


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("mqtt://broker.example", True),
        ("ws://10.0.0.7", True),
        ("mqtts://broker.example", False),
        ("mqtt://127.0.0.1", False),
        ("mqtt://[::1]:1884", False),
        ("ws://localhost", False),
    ],
)
def test_an_unencrypted_password_is_reported(file: Path, tmp_path: Path, url: str, *, exposed: bool) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    login = f"[[brokers]]\nurl = '{url}'\nusername = 'eye'\n"
    assert exposures(load(file, login)) == (), "there is no password"
    told = exposures(load(file, f"{login}password_file = '{secret}'"))
    assert bool(told) == exposed
    assert all("broker main: the password is sent unencrypted" in text for text in told)


def test_a_password_file_that_becomes_unreadable_is_a_fault(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\xff\xfe")
    broker = Broker(password_file=secret)
    with pytest.raises(ConfigError, match=r"broker main: password_file: .* is not UTF-8 text"):
        broker.password()
    secret.write_bytes(b"\n")
    with pytest.raises(ConfigError, match="is empty"):
        broker.password()
    secret.unlink()
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        broker.password()


@pytest.mark.parametrize(
    "text",
    [
        "[[brokers]]\nurl = 'mqtt://camwatch:hunter2@h'",
        "[[brokers]]\nurl = 'mqtt://camwatch:hunter2#@h'",
        "[[brokers]]\npassword = 'hunter2'",
        "[[brokers]]\nkeep_alive_s = 'hunter2'",
        "[history]\nurl = 'mysql://camwatch:hunter2@db/c'",
        "[http]\nlisten = 'hunter2'",
        "password = 'hunter2",
    ],
)
def test_no_fault_shows_a_secret(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file, NOTHING)
    assert "hunter2" not in f"{caught.value} {caught.value!r}"
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_a_broker_made_in_code_shows_no_secret() -> None:
    with pytest.raises(ValueError, match="use username and password_file") as caught:
        Broker(url="mqtt://camwatch:hunter2@h")
    assert "hunter2" not in str(caught.value)


def test_no_repr_of_the_settings_shows_a_secret(file: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2")
    text = "history.url = 'postgresql://camwatch:hunter2@db/c'\n[[brokers]]\n"
    text += f"password_file = '{tmp_path}/secret'"
    settings = load(file, text)
    assert settings.brokers[0].password() == "hunter2"
    assert "hunter2" not in f"{settings} {settings!r}"


def test_the_nearest_liveness_wins(file: Path) -> None:
    """Rule L2: for all, per purpose, per operator and per camera."""
    settings = load(
        file,
        """
        [liveness]
        interval_s = 1
        will_grace_s = 1
        [liveness.purpose.traffic]
        interval_s = 2
        suspect_after = 2
        down_after = 8
        [liveness.operator.ville]
        interval_s = 3
        down_after = 9
        [liveness.camera.cam-1]
        interval_s = 5
        """,
    )
    other = Camera("x", "sacogiva", "s", "z", "x", Purpose.ACCESS_CONTROL, Lifecycle.IN_SERVICE)
    own_row = Camera("y", "ville", "s", "z", "y", Purpose.TRAFFIC, Lifecycle.IN_SERVICE, interval_s=4)
    both = Camera("cam-1", "ville", "s", "z", "y", Purpose.TRAFFIC, Lifecycle.IN_SERVICE, interval_s=4)
    assert settings.liveness.for_camera(other) == Liveness(1, 2.5, 4.5, 1)
    assert settings.liveness.for_camera(own_row) == Liveness(4, 2, 9, 1)
    assert settings.liveness.for_camera(both) == Liveness(5, 2, 9, 1)


def test_thresholds_can_differ_for_a_purpose(file: Path) -> None:
    """Rule C3: thresholds are settings, per purpose."""
    settings = load(file, "[conditions]\nfps_min = 4\n[conditions.purpose.traffic]\nclock_offset_max_s = 60")
    other = Camera("x", "ville", "s", "z", "x", Purpose.ACCESS_CONTROL, Lifecycle.IN_SERVICE)
    assert settings.conditions.for_camera(CAMERA) == Thresholds(fps_min=4, clock_offset_max_s=60)
    assert settings.conditions.for_camera(other) == Thresholds(fps_min=4)


def test_ids_that_are_not_in_the_inventory_are_faults(file: Path, tmp_path: Path) -> None:
    folder = write_fleet(tmp_path / "fleet", [camera("cam-1")], operators=[operator("ville"), operator("b")])
    inventory = load_inventory(folder, ZoneInfo("Europe/Paris"))
    text = """
        [[brokers]]
        operators = ["ville", "viile"]
        [liveness.operator.sacogiva]
        [liveness.camera.cam-2]
        """
    assert validate_against_inventory(
        load(file, text, CAMWATCH_LIVENESS__CAMERA__CAM__INTERVAL_S="1"), inventory
    ) == (
        ConfigProblem("camwatch.toml: brokers[0].operators", "'viile' is not an operator in the inventory"),
        ConfigProblem("camwatch.toml: liveness.operator.sacogiva", "is not an operator in the inventory"),
        ConfigProblem("CAMWATCH_LIVENESS__CAMERA__CAM__INTERVAL_S", "is not a camera in the inventory"),
        ConfigProblem("camwatch.toml: liveness.camera.cam-2", "is not a camera in the inventory"),
    )
    assert validate_against_inventory(Settings(), inventory) == ()


def test_an_operator_that_no_broker_carries_is_a_fault(file: Path, tmp_path: Path) -> None:
    """S1: their status would always be unknown; retired cameras do not count."""
    rows = [
        camera("cam-1"),
        camera("cam-2", operator_id="b"),
        camera("cam-3", operator_id="c", lifecycle="retired"),
    ]
    operators = [operator("ville"), operator("b"), operator("c"), operator("d")]
    inventory = load_inventory(
        write_fleet(tmp_path / "fleet", rows, operators=operators), ZoneInfo("Europe/Paris")
    )
    only_ville = '[[brokers]]\noperators = ["ville"]'
    (fault,) = validate_against_inventory(load(file, only_ville), inventory)
    assert fault.place == "camwatch.toml: brokers"
    assert fault.problem.startswith("no broker carries the cameras of 'b' (1 in the inventory)")
    rest = '\n[[brokers]]\nname = "rest"\nclient_id = "two"\noperators = ["b"]'
    assert validate_against_inventory(load(file, only_ville + rest), inventory) == ()


def test_overrides_that_contradict_each_other_are_a_fault(file: Path, tmp_path: Path) -> None:
    inventory = load_inventory(write_fleet(tmp_path / "fleet", [camera("cam-1")]), ZoneInfo("Europe/Paris"))
    text = (
        "[liveness.purpose.video_protection]\nsuspect_after = 3\n[liveness.operator.ville]\ndown_after = 2.6"
    )
    assert [str(found) for found in validate_against_inventory(load(file, text), inventory)] == [
        "camwatch.toml: liveness: for camera cam-1, down_after must be above suspect_after (3), it is 2.6"
    ]


def test_the_shipped_settings_match_the_shipped_fleet() -> None:
    settings = load_settings(ROOT / "config" / "camwatch.toml", NOTHING)
    inventory = load_inventory(ROOT / settings.fleet.path, settings.fleet.timezone)
    assert validate_against_inventory(settings, inventory) == ()


@given(
    text=st.text(max_size=60),
    environ=st.dictionaries(
        st.lists(
            st.sampled_from(["HTTP", "LISTEN", "BROKERS", "0", "1", "LIVENESS", "CAMERA", "A", "", "²"]),
            max_size=4,
        ).map(lambda steps: "CAMWATCH_" + "__".join(steps)),
        st.one_of(st.sampled_from(["[1]", "{}", "[{}]", "1", "[[[", '{"a": null}']), st.text(max_size=9)),
        max_size=4,
    ),
)
def test_any_input_gives_settings_or_faults(
    text: str, environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(text.encode(errors="surrogatepass"))
    with contextlib.suppress(ConfigError):
        assert load_settings(file, environ).brokers


def _settings_of(annotation: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each setting below a section as the documentation names it, with its default."""
    for name, field in annotation.model_fields.items():
        inside = _sections_in(field.annotation)
        if inside is None:
            yield f"{path}{name}", field.default
        elif not hasattr(inside[0], "model_fields"):
            yield f"{path}{name}{inside[1]}", None
        else:
            yield from _settings_of(inside[0], f"{path}{name}{inside[1]}.")


def _sections_in(annotation: Any) -> tuple[Any, str] | None:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple and arguments[0] is Broker:
        return arguments[0], "[]"
    if origin is dict:
        return arguments[1], ".<purpose>" if arguments[0] is Purpose else ".<id>"
    if (
        origin in (None, types.NoneType)
        and isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
    ):
        return annotation, ""
    return None


def _as_toml(default: Any) -> str:
    if default is None:
        return "none"
    text = {tuple: "[]"}.get(
        type(default), json.dumps(default if isinstance(default, int | float) else str(default))
    )
    return f"`{text}`"


def test_every_setting_is_documented_with_its_default() -> None:
    documented = dict(
        re.findall(
            r"^\| `([\w.<>\[\]]+)` \| (\S+) \|",
            (ROOT / "docs/reference/settings.md").read_text("utf-8"),
            re.MULTILINE,
        )
    )
    actual = {name: _as_toml(default) for name, default in _settings_of(Settings, "")}
    assert len(actual) > 40
    assert documented == actual
