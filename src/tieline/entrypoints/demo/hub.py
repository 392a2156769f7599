"""The hub as a child process: started as a person would start it, killed as a machine would, and started again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.cli.connection import Connection
from tieline.entrypoints.rehearsal import process
from tieline.kit.errors import Unavailable

PATIENCE_S = 15.0


class Hub:
    """`tieline up --config FILE` in its own session, with its words in a log."""

    def __init__(self, folder: Path, config: Path, port: int) -> None:
        self.folder = folder
        self.log = folder / "hub.log"
        self._config = config
        self._port = port
        self._child: subprocess.Popen[str] | None = None
        self._pid_file = folder / "hub.pid"
        self.ready: Mapping[str, Any] = {}
        process.end_leftover(self._pid_file, str(config))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        return self._child.pid if self._child else 0

    def start(self) -> None:
        """Waits for the ready line. Raises Unavailable with the log's last lines when the hub ends instead."""
        command = [sys.executable, "-m", "tieline.entrypoints.cli", "up", "--config", str(self._config)]
        environment = {**os.environ, "TIELINE_HOME": str(self.folder)}
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                [*command, "--port", str(self._port), "--json"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._child.pid))
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise Unavailable(f"The hub ended at its start; see {self.log}.\n{process.tail(self.log)}")
        self.ready = json.loads(line)

    def client(self) -> Client:
        stored = json.loads((self.folder / "connection.json").read_text())
        return Client(Connection(url=self.url, api_key=stored["api_key"]))

    def kill(self) -> None:
        """SIGKILL: no goodbye, no flush, no chance to tidy up."""
        assert self._child is not None
        self._child.kill()
        self._child.wait(PATIENCE_S)
        self._close()

    def stop(self) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            self._child.terminate()
        try:
            self._child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._close()
        self._pid_file.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._child is not None and self._child.stdout is not None:
            self._child.stdout.close()
