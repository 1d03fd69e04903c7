"""A measured process: started, waited for, read through /proc with its children, and always ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import time
from typing import TYPE_CHECKING, Self

import psutil

from benchmarks.errors import BenchmarkError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_LOOK_S = 0.05
_QUIET_S = 0.4
_QUIET_CPU_S = 0.02  # below this in _QUIET_S, a process has caught up: 5 % of one core, two clock ticks


class Process:
    """One running program and what it has used so far. Its output goes to `log`."""

    def __init__(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C reaches the bench alone, which then ends every process
            )
        self._ps = psutil.Process(self._popen.pid)

    def cpu_s(self) -> float:
        """Return the user and system seconds so far, of the process and its children."""
        return sum(
            times.user + times.system + times.children_user + times.children_system
            for times in (process.cpu_times() for process in self._family())
        )

    def rss_bytes(self) -> int:
        """Return the resident memory now, of the process and its children."""
        return sum(process.memory_info().rss for process in self._family())

    def written_bytes(self) -> int:
        """Return what the process and its children have had written to disk so far."""
        return sum(process.io_counters().write_bytes for process in self._family())

    def settled_cpu_s(self, timeout: float = 90.0) -> float:
        """Wait until the process has nothing more to do; return its CPU seconds by then."""
        deadline = time.monotonic() + timeout
        used, since = self.cpu_s(), time.monotonic()
        while time.monotonic() - since < _QUIET_S:
            time.sleep(_LOOK_S)
            now = self.cpu_s()
            if now - used > _QUIET_CPU_S:
                used, since = now, time.monotonic()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{self._describe()} did not come to rest in {timeout:.0f} s")
        return self.cpu_s()

    def wait_until_ready(self, port: int, path: str, timeout: float = 60.0) -> None:
        """Wait until `path` on this loopback port answers 200."""
        deadline = time.monotonic() + timeout
        answer = "no answer"
        while time.monotonic() < deadline:
            if self._popen.poll() is not None:
                raise BenchmarkError(f"{self._describe()} ended with code {self._popen.returncode}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, body = get(port, path)
                if status == 200:
                    return
                answer = f"{status} {body[:300]!r}"
            time.sleep(_LOOK_S)
        raise BenchmarkError(f"{self._describe()} is not ready after {timeout:.0f} s: {answer}")

    def end(self) -> None:
        """Ask the process to stop, and kill it if it does not within 5 s."""
        family = self._family() if self._popen.poll() is None else []
        with contextlib.suppress(ProcessLookupError):
            self._popen.terminate()
        try:
            self._popen.wait(5)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait(5)
        for process in family[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the process stand still while the context lasts, with its connections open."""
        self._ps.suspend()
        try:
            yield
        finally:
            self._ps.resume()

    def _family(self) -> list[psutil.Process]:
        if self._popen.poll() is not None:
            raise BenchmarkError(f"{self._describe()} ended too early, code {self._popen.returncode}")
        try:
            return [self._ps, *self._ps.children(recursive=True)]
        except psutil.NoSuchProcess:
            raise BenchmarkError(f"{self._describe()} ended too early") from None

    def last_output(self) -> str:
        """Return the end of what the process has said."""
        return f"its last output: {self.log.read_text(errors='replace')[-600:].strip() or 'none'}"

    def _describe(self) -> str:
        return f"{self._popen.args!r} ({self.last_output()})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Fetch `path` from this loopback port; the body is returned as it came, packed if it is packed."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
