"""The programs that are compared: camwatch, and those that turn the same messages into metrics.

A peer defines how it is started, when it is ready, and how many messages it has processed by its own count.
"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import write_fleet
from tests.support.mosquitto import free_port, program

_FILTER = "camwatch/v1/+/+/heartbeat"
_FLOOD_INTERVAL_S = 30.0  # long enough that no camera dies while another program has its turn
_GO_CONFIG = f"""\
mqtt:
  server: tcp://127.0.0.1:{{port}}
  topic_path: {_FILTER}
  device_id_regex: "camwatch/v1/[^/]+/(?P<deviceid>[^/]+)/heartbeat"
  qos: 0
cache:
  timeout: 60m
metrics:
"""
_GO_FIELDS = (
    "ts",
    "uptime_s",
    "fps",
    "bitrate_bps",
    "recording",
    "storage_used_ratio",
    "temperature_celsius",
)
_GO_METRIC = "  - {{prom_name: {0}, mqtt_name: {0}, help: {0}, type: gauge, omit_timestamp: true}}\n"


@dataclass(frozen=True, slots=True)
class Place:
    """What one peer runs with: its own broker, folder and number of cameras."""

    broker_port: int
    cameras: int
    folder: Path


class Peer(ABC):
    """A program that reads heartbeats from a broker and shows metrics on `/metrics`."""

    name: str
    ready_path = "/metrics"
    _count: re.Pattern[str]

    def __init__(self, place: Place) -> None:
        self.place = place
        self.port = free_port()

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command that starts it; writes the files that the command names."""

    def environment(self) -> dict[str, str]:
        """Return the settings that it takes from the environment."""
        return {}

    def processed(self, metrics: str) -> int:
        """Return how many messages it has processed, by its own `/metrics`."""
        return round(sum(float(value) for value in self._count.findall(metrics)))

    def complaint(self, metrics: str) -> str:  # noqa: ARG002 - most peers keep no count of what they refused
        """Return what is wrong with its account of the flood, or nothing."""
        return ""

    @staticmethod
    @abstractmethod
    def version() -> str:
        """Return the version under test."""


class Camwatch(Peer):
    """The daemon itself, as `camwatch run` starts it."""

    name = "camwatch"
    ready_path = "/-/ready"
    interval_s = _FLOOD_INTERVAL_S
    _count = re.compile(r"^camwatch_camera_heartbeats_total\{.*\} (\S+)$", re.MULTILINE)
    _rejected = re.compile(r"^camwatch_messages_rejected_total\{.*\} (\S+)$", re.MULTILINE)

    def store_url(self) -> str:
        """Return where it keeps its record."""
        return f"sqlite:///{self.place.folder}/camwatch.db"

    def write_config(self) -> Path:
        """Write the inventory and the settings; return the settings file."""
        folder = self.place.folder
        write_fleet(folder / "fleet", self.place.cameras)
        file = folder / "camwatch.toml"
        file.write_text(
            f'[fleet]\npath = "{folder}/fleet"\n'
            f'[[brokers]]\nname = "main"\nurl = "mqtt://127.0.0.1:{self.place.broker_port}"\n'
            f"[clock]\nrequire_sync = false\n"
            f"[liveness]\ninterval_s = {self.interval_s}\nmessages_per_interval = 1_000_000\n"
            f'[history]\nurl = "{self.store_url()}"\n'
            f'[http]\nlisten = "127.0.0.1:{self.port}"\n'
        )
        return file

    def command(self) -> list[str]:
        """Return the daemon's command line."""
        return [str(Path(sys.executable).with_name("camwatch")), "run", "--config", str(self.write_config())]

    def complaint(self, metrics: str) -> str:
        """Return what camwatch refused, if anything."""
        refused = sum(float(value) for value in self._rejected.findall(metrics))
        return f"refused {refused:.0f} messages" if refused else ""

    @staticmethod
    def version() -> str:
        """Return the version of this project."""
        return importlib.metadata.version("camwatch")


class GoExporter(Peer):
    """`prometheus-mqtt-exporter` (mqtt2prometheus), written in Go; Debian's package."""

    name = "prometheus-mqtt-exporter"
    _count = re.compile(r'^received_messages\{status="success",.*\} (\S+)$', re.MULTILINE)

    def command(self) -> list[str]:
        """Return its command line; it is spared the timestamp on each sample."""
        file = self.place.folder / "exporter.yaml"
        fields = "".join(_GO_METRIC.format(field) for field in _GO_FIELDS)
        file.write_text(_GO_CONFIG.format(port=self.place.broker_port) + fields)
        options = {
            "config": file,
            "listen-address": "127.0.0.1",
            "listen-port": self.port,
            "log-level": "error",
        }
        return [program(self.name), *(f"-{name}={value}" for name, value in options.items())]

    @staticmethod
    def version() -> str:
        """Return the version of Debian's package."""
        return _debian("prometheus-mqtt-exporter")


class PythonExporter(Peer):
    """`mqtt-exporter` from PyPI, written in Python on `paho-mqtt` and `prometheus_client`."""

    name = "mqtt-exporter"
    _count = re.compile(r"^mqtt_message_total\{.*\} (\S+)$", re.MULTILINE)

    def command(self) -> list[str]:
        """Return its command line."""
        return [str(Path(sys.executable).with_name(self.name))]

    def environment(self) -> dict[str, str]:
        """Return its settings; it takes every number in a message."""
        return {
            "MQTT_ADDRESS": "127.0.0.1",
            "MQTT_PORT": str(self.place.broker_port),
            "MQTT_TOPIC": _FILTER,
            "PROMETHEUS_ADDRESS": "127.0.0.1",
            "PROMETHEUS_PORT": str(self.port),
            "LOG_LEVEL": "ERROR",
        }

    @staticmethod
    def version() -> str:
        """Return the version installed beside us."""
        return importlib.metadata.version("mqtt-exporter")


def mosquitto_sub(port: int, messages: int) -> list[str]:
    """Return the command of Mosquitto's C client: receives so many messages, prints them, and ends."""
    return [program("mosquitto_sub"), "-p", str(port), "-t", _FILTER, "-q", "0", "-C", str(messages)]


def versions() -> dict[str, str]:
    """Return the versions of everything that takes part."""
    libraries = ("mqtt5", "msgspec", "prometheus-client", "uvicorn")
    return {
        **{peer.name: peer.version() for peer in (Camwatch, GoExporter, PythonExporter)},
        "mosquitto": _debian("mosquitto"),
        **{name: importlib.metadata.version(name) for name in libraries},
    }


def _debian(package: str) -> str:
    query = ["dpkg-query", "--showformat=${Version}", "--show", package]
    result = subprocess.run(query, capture_output=True, text=True, check=False)
    return result.stdout or "unknown"
