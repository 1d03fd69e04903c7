"""Publishes heartbeats as fast as the broker takes them, or in bursts: a process of its own.

Raw MQTT 3.1.1 over a socket. Every message is prepared once, all with one length; before each pass the
digits of `ts`, `seq`, `uptime_s` and `bitrate_bps` are patched in all messages of a block at once, by
slices with the message's length as their step. So what the publisher costs is what the socket costs.
"""

from __future__ import annotations

import argparse
import json
import math
import socket
import struct
import subprocess
import sys
import time
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.fleet import heartbeat_topic

FIRST_SEQ = 10_000_000
"""Eight digits from the start: a JSON number has no leading zeros."""

_BLOCK = 500  # messages handed to the socket at once
_BOOTED_BEFORE_S = 1_000_000.0
_MARKS = {"ts": b"1700000000.000", "seq": b"10000001", "uptime_s": b"1000000.1", "bitrate_bps": b"4000000"}


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What one flood sent, how long that took, and what it cost the publisher (seconds)."""

    messages: int
    elapsed_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Messages a second that the broker took."""
        return self.messages / self.elapsed_s


class LoadGenerator:
    """Starts floods for one fleet, and keeps `seq` moving on from one to the next."""

    def __init__(self, cameras: int) -> None:
        self.cameras = cameras
        self._passes_sent: dict[int, int] = {}

    def run(self, port: int, messages: int, every_s: float = 0.0, *, spread: bool = False) -> LoadReport:
        """Publish at least `messages` heartbeats in whole passes over the fleet to the broker on `port`.

        With `every_s`, passes start that many seconds apart; the messages of one are sent together, or evenly
        over that time if `spread`.
        """
        passes = math.ceil(messages / self.cameras)
        first = self._passes_sent.get(port, 0)
        self._passes_sent[port] = first + passes
        arguments: dict[str, float] = {
            "port": port,
            "cameras": self.cameras,
            "passes": passes,
            "first": first,
            "every": every_s,
            "spread": int(spread),
        }
        command = [
            sys.executable,
            "-m",
            "benchmarks.load_generator",
            *(f"--{k}={v}" for k, v in arguments.items()),
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                output, errors = process.communicate(timeout=120)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            reason = errors.decode(errors="replace").strip().rpartition("\n")[2]
            raise BenchmarkError(f"the publisher to port {port} failed: {reason}")
        return LoadReport(**json.loads(output))


class _Block:
    """Prepared messages of some cameras, back to back in one buffer."""

    def __init__(self, cameras: range) -> None:
        messages = [publish(heartbeat_topic(n).encode(), _payload(n)) for n in cameras]
        self.bytes = bytearray(b"".join(messages))
        self._size = len(messages[0])
        self._count = len(messages)
        if len(self.bytes) != self._size * self._count:
            raise AssertionError("the prepared messages must have one length")
        self._places = {name: messages[0].index(mark) for name, mark in _MARKS.items()}

    def patch(self, **texts: str) -> None:
        """Write the digits of these fields into every message."""
        for name, text in texts.items():
            if len(text) != len(_MARKS[name]):
                raise AssertionError(f"{name} must stay {len(_MARKS[name])} characters wide, not {text}")
            for position, digit in enumerate(text.encode(), self._places[name]):
                self.bytes[position :: self._size] = bytes((digit,)) * self._count

    def send(self, sock: socket.socket, gap_s: float) -> None:
        """Send all messages at once, or, with a gap, one after the other, that many seconds apart."""
        if not gap_s:
            sock.sendall(self.bytes)
            return
        start = time.monotonic()
        for n, place in enumerate(range(0, len(self.bytes), self._size)):
            time.sleep(max(0.0, start + n * gap_s - time.monotonic()))
            sock.sendall(memoryview(self.bytes)[place : place + self._size])


def _payload(number: int) -> bytes:
    return (
        b'{"ts":%b,"seq":%b,"uptime_s":%b,"fps":%d.0,"bitrate_bps":%b,"recording":true,'
        b'"storage_used_ratio":0.%02d,"temperature_celsius":%d.5,"firmware":"4.2.1"}'
    ) % (
        _MARKS["ts"],
        _MARKS["seq"],
        _MARKS["uptime_s"],
        15 + number % 15,
        _MARKS["bitrate_bps"],
        10 + number % 80,
        20 + number % 30,
    )


def publish(topic: bytes, payload: bytes) -> bytes:
    """Return a PUBLISH packet, QoS 0, of 128 to 16,383 bytes."""
    body = struct.pack("!H", len(topic)) + topic + payload
    return b"\x30" + bytes((len(body) & 127 | 128, len(body) >> 7)) + body


def connect(port: int) -> socket.socket:
    """Open a session with the broker on this loopback port."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    body = b"\x00\x04MQTT\x04\x02\x00\x00\x00\x05flood"  # clean session, keep-alive off
    sock.sendall(b"\x10" + bytes((len(body),)) + body)
    if sock.recv(4) != b"\x20\x02\x00\x00":
        raise ConnectionError("the broker refused the publisher")
    sock.settimeout(None)
    return sock


def _send(sock: socket.socket, blocks: list[_Block], options: argparse.Namespace) -> None:
    start = time.monotonic()
    gap_s = options.every / options.cameras if options.spread else 0.0
    for n in range(options.first, options.first + options.passes):
        time.sleep(max(0.0, start + (n - options.first) * options.every - time.monotonic()))
        for block in blocks:
            now = time.time()
            block.patch(
                ts=f"{now:.3f}",
                seq=str(FIRST_SEQ + n),
                uptime_s=f"{_BOOTED_BEFORE_S + now % 1_000_000:.1f}",
                bitrate_bps=str(4_000_000 + n % 1000),
            )
            block.send(sock, gap_s)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("port", "cameras", "passes", "first", "spread"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--every", type=float, required=True)
    options = parser.parse_args()
    cameras = range(options.cameras)
    blocks = [_Block(cameras[n : n + _BLOCK]) for n in range(0, len(cameras), _BLOCK)]
    with connect(options.port) as sock:
        began, cpu = time.perf_counter(), time.process_time()
        _send(sock, blocks, options)
        sock.sendall(b"\xe0\x00")  # DISCONNECT; then wait until the broker has read all and closed
        sock.recv(1)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    report = {"messages": options.cameras * options.passes, "elapsed_s": elapsed, "cpu_s": cpu}
    sys.stdout.write(json.dumps(report))


if __name__ == "__main__":
    _main()
