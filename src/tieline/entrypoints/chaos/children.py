"""The nursery seen from the runner: start a child, know when it ended, kill it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVERYTHING = ("tieline.entrypoints.cli.running", "tieline.engine.crashpoints")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a child ended: by a signal, or by itself with a code."""

    signal: int
    code: int


@dataclass(slots=True, eq=False)
class Child:
    pid: int
    ended: asyncio.Future[End]

    @property
    def alive(self) -> bool:
        return not self.ended.done()

    def send(self, number: signal.Signals) -> None:
        """The nursery has not reaped it while it is alive, so the number is still its own."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def kill(self) -> End:
        self.send(signal.SIGKILL)
        return await self.ended

    async def stop(self, patience_s: float = 15.0) -> End:
        """An ordered end: SIGTERM, and SIGKILL when that is not heard."""
        self.send(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self.ended), patience_s)
        return await self.kill()


@dataclass(slots=True)
class Nursery:
    process: asyncio.subprocess.Process
    _children: dict[int, Child] = field(default_factory=dict)
    _births: asyncio.Queue[Child] = field(default_factory=asyncio.Queue)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def bear(self, call: str, args: Sequence[Any], log: Path, env: Mapping[str, str] | None = None) -> Child:
        """A new child that runs `call` ("module:function")."""
        order = {"call": call, "args": list(args), "env": dict(env or {}), "log": str(log)}
        assert self.process.stdin is not None, "opened with a pipe"
        async with self._one_at_a_time:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            await self.process.stdin.drain()
            return await self._births.get()

    async def listen(self) -> None:
        """Births and deaths, in the order in which they are told, until the nursery ends."""
        assert self.process.stdout is not None, "opened with a pipe"
        async for line in self.process.stdout:
            words = json.loads(line)
            if "born" in words:
                self._children[words["born"]] = child = Child(words["born"], asyncio.get_running_loop().create_future())
                self._births.put_nowait(child)
            elif "ended" in words:
                end = End(signal=words["signal"], code=words["code"])
                self._children.pop(words["ended"]).ended.set_result(end)


@contextlib.asynccontextmanager
async def nursery(log: Path, modules: Sequence[str] = EVERYTHING, paths: Sequence[Path] = ()) -> AsyncIterator[Nursery]:
    """Everything that it bore ends with it. `paths` are searched for modules before all others."""
    before = os.pathsep.join([*map(str, paths), os.environ.get("PYTHONPATH", "")]).strip(os.pathsep)
    with log.open("ab") as words:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tieline.entrypoints.chaos.nursery", *modules, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=words, env={**os.environ, "PYTHONPATH": before},
        )  # fmt: skip
    made = Nursery(process)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        assert process.stdin is not None, "opened with a pipe"
        process.stdin.close()
        await process.wait()
        await listening
