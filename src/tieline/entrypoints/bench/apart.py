"""The hub as it runs beyond one process: store, edge and worker apart, each `tieline run …`, ended in reverse order.

    python -m tieline.entrypoints.bench.apart run worker --config FILE

is `tieline run worker …` that also ends when its standard input does, so that nothing outlives a measurement that was killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tieline.adapters.postgres import launcher, roles
from tieline.kit.errors import Unavailable

PATIENCE_S = 30.0


@dataclass(slots=True)
class Part:
    """One process. `said` is the line with which it was ready, if it says one."""

    process: asyncio.subprocess.Process
    said: dict[str, Any] = field(default_factory=dict)

    async def stop(self) -> None:
        """An ordered end; what does not hear is killed."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), PATIENCE_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    @property
    def rss_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="ascii").split()[1])
        return round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


@dataclass(slots=True, kw_only=True)
class Apart:
    """`home` is the configuration's."""

    config: Path
    home: Path
    parts: list[Part] = field(default_factory=list)

    async def start(self, what: str, *, speaks: bool) -> Part:
        command = [sys.executable, "-m", "tieline.entrypoints.bench.apart", "run", what, "--config", str(self.config)]
        log = (self.config.parent / f"{what}.log").open("ab")
        with log:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        part = Part(process)
        self.parts.append(part)
        if speaks:
            part.said = await self._heard(part, what)
        return part

    async def _heard(self, part: Part, what: str) -> dict[str, Any]:
        assert part.process.stdout is not None, "opened with a pipe"
        line = await asyncio.wait_for(part.process.stdout.readline(), PATIENCE_S)
        if not line:
            words = (self.config.parent / f"{what}.log").read_text()[-600:]
            raise Unavailable(f"The {what} ended at its start: {words}")
        said: dict[str, Any] = json.loads(line)
        return said

    @property
    def admin(self) -> str:
        return launcher.attach(self.home).conninfo(roles.ADMIN)

    @property
    def api_key(self) -> str:
        return str(json.loads((self.home / "connection.json").read_text())["api_key"])


@contextlib.asynccontextmanager
async def apart(config: Path, home: Path) -> AsyncIterator[Apart]:
    made = Apart(config=config, home=home)
    try:
        yield made
    finally:
        for part in reversed(made.parts):
            await part.stop()


def _with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    from tieline.entrypoints.cli.app import main

    threading.Thread(target=_with_parent, daemon=True).start()
    main()
