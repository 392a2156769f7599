"""Starts twins as processes of their own: for everybody's tests, and for the demo."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tieline.kit.canonical import Json
from tieline.kit.errors import Rejected, Unavailable

_TOKEN = "twin-control"  # noqa: S105 - guards a loopback process that holds invented figures
_PATIENCE_S = 60.0  # a machine that is busy with other things may stand still for long


def names() -> list[str]:
    """The twins that exist: the folders here that hold a PAGE.md."""
    return sorted(page.parent.name for page in Path(__file__).parent.glob("*/PAGE.md"))


class Served:
    """A running twin as its tests see it. All calls block."""

    def __init__(self, name: str, state: Path, port: int, latency_ms: float, options: dict[str, str]) -> None:
        self.name = name
        self.state = state
        self._latency_ms = latency_ms
        self._options = options
        self._port = port
        self.url = ""
        self.start()

    def start(self) -> None:
        """Starts, or starts again after `kill`, on the same port and with the same state."""
        command = [sys.executable, "-m", "tieline.twins", self.name, "--port", str(self._port)]
        command += [
            "--state",
            str(self.state),
            "--latency-ms",
            str(self._latency_ms),
            "--control-token",
            _TOKEN,
            "--with-parent",
        ]
        for name, value in self._options.items():
            command += ["--option", f"{name}={value}"]
        # A session of its own: Ctrl-C in the terminal reaches the caller, who ends the twin in its order.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise Unavailable(f"The {self.name} twin ended before it was ready (code {self.process.wait()}).")
        self.url = json.loads(line)["url"]
        self._port = urlsplit(self.url).port or 0

    def control(self, path: str, document: Json = None, *, method: str = "") -> Json:
        """One call of the control plane, `path` relative to `/_twin`. POST when there is a document, else GET."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE_S)
        try:
            content = None if document is None else json.dumps(document)
            headers = {"X-Twin-Control": _TOKEN, "content-type": "application/json"}
            verb = method or ("GET" if document is None else "POST")
            connection.request(verb, "/_twin/" + path.lstrip("/"), content, headers)
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        if reply.status >= 400:
            raise Rejected(f"The {self.name} twin refused {path}: {text.decode(errors='replace')}")
        return json.loads(text) if text else None

    def journal(self, after: int = 0) -> list[dict[str, Any]]:
        """The effects that the twin really executed."""
        entries: list[dict[str, Any]] = self.control(f"journal?after={after}")["entries"]
        return entries

    def faults(self, rules: Sequence[Json]) -> list[str]:
        """Arms rules; returns their ids."""
        armed: list[str] = self.control("faults", list(rules))["armed"]
        return armed

    def heal(self) -> None:
        """Disarms every rule and ends a running outage."""
        self.control("faults", method="DELETE")

    def advance(self, seconds: float) -> None:
        """Moves the twin's clock."""
        self.control("clock", {"advance_s": seconds})

    def kill(self) -> None:
        """SIGKILL: what the twin had answered for is still there after `start()`."""
        self.process.kill()
        self._reap()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self._reap()

    def _reap(self) -> None:
        self.process.wait(_PATIENCE_S)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def served(
    name: str, state_dir: Path | str, *, port: int = 0, latency_ms: float = 0.0, **options: object
) -> Iterator[Served]:
    """A twin for the length of a `with` block; `options` become `--option name=value`."""
    state = Path(state_dir)
    twin = Served(name, state, port, latency_ms, {key: str(value) for key, value in options.items()})
    try:
        yield twin
    finally:
        twin.stop()
