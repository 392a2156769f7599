"""A firm at work while the processes of two versions take each other's places, one by one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx2
from front import Front
from versions import Version

from tieline.entrypoints.chaos.children import Child, Nursery, nursery
from tieline.entrypoints.chaos.killer import until
from tieline.entrypoints.chaos.paper import Paper, unmapped
from tieline.entrypoints.chaos.stage import Stage
from tieline.entrypoints.chaos.workload import Firm

PARTS = "tieline.entrypoints.chaos.run"
SIGNED_EVERY_S = 1.0
STOP_S = 45.0  # a machine with other work is slow; an ordered end that hangs is found all the same


class StrictClient(httpx2.AsyncClient):
    """Keeps everything that a sender would call an error. Every request has a connection of its own."""

    def __init__(self) -> None:
        super().__init__(timeout=10.0, limits=httpx2.Limits(max_keepalive_connections=0))
        self.requests, self.errors = 0, list[str]()

    async def request(self, method: str, url: Any, **words: Any) -> httpx2.Response:  # type: ignore[override]
        self.requests += 1
        try:
            answer = await super().request(method, url, **words)
        except httpx2.RequestError as error:
            self.errors.append(f"{method} {url}: {type(error).__name__} {error}")
            raise
        if not answer.is_success and answer.status_code != 404:
            self.errors.append(f"{method} {url}: {answer.status_code} {answer.text[:200]}")
        return answer


@dataclass(slots=True)
class Fleet:
    """Two edges, two workers and a scheduler, each of some version. `rolled` counts exchanges by how they went."""

    stage: Stage
    nurseries: dict[str, Nursery]
    in_flight: Callable[[], int]
    places: dict[str, tuple[str, Child]] = field(default_factory=dict)
    rolled: Counter[str] = field(default_factory=Counter)
    seen_in_flight: list[int] = field(default_factory=list)
    badly_ended: list[str] = field(default_factory=list)

    async def fill(self, version: str) -> None:
        for place in PLACES:
            await self._occupy(place, version)

    async def exchange(self, place: str, version: str, *, kill: bool = False) -> None:
        """Whoever is there ends in order, or is killed, with whatever is under way; then the other version comes."""
        former, child = self.places.pop(place)
        self.seen_in_flight.append(await asyncio.to_thread(self.in_flight))
        told = time.monotonic()
        end = await (child.kill() if kill else child.stop(STOP_S))
        if not kill and (end.signal or end.code):
            took = f"after {time.monotonic() - told:.0f} s"
            self.badly_ended.append(f"{place} of {former} ended with signal {end.signal} and code {end.code} {took}")
        self.rolled["killed" if kill else "ended in order"] += 1
        await self._occupy(place, version)

    async def _occupy(self, place: str, version: str) -> None:
        kind, _, number = place.partition("-")
        args = [str(self.stage.config), *([self.stage.ports[int(number)]] if kind == "edge" else [])]
        log = self.stage.folder / f"{place}-{version}.log"
        child = await self.nurseries[version].bear(f"{PARTS}:{kind}", args, log)
        self.places[place] = (version, child)
        if kind == "edge":
            await until(f"{place} of {version} answers", partial(_answers, self.stage.edges[int(number)], child), 30)

    async def stop(self) -> None:
        for version, child in self.places.values():
            end = await child.stop()
            if end.signal or end.code:
                self.badly_ended.append(f"one of {version} ended with signal {end.signal} and code {end.code}")


PLACES = ("edge-0", "edge-1", "worker-0", "worker-1", "scheduler-0")


def _answers(url: str, child: Child) -> bool:
    assert child.alive, f"the edge at {url} ended at its start"
    with contextlib.suppress(httpx2.RequestError):
        return httpx2.get(f"{url}/readyz", timeout=2.0).status_code == 200
    return False


@contextlib.asynccontextmanager
async def fleet(stage: Stage, versions: dict[str, Version], in_flight: Callable[[], int]) -> AsyncIterator[Fleet]:
    async with contextlib.AsyncExitStack() as stack:
        born = {
            name: await stack.enter_async_context(
                nursery(stage.folder / f"nursery-{name}.log", [PARTS], [version.source] if version.source else [])
            )
            for name, version in versions.items()
        }
        made = Fleet(stage, born, in_flight)
        yield made


@dataclass(slots=True)
class Load:
    """Contracts are signed one after the other until `enough`; each goes all the way to its second posted invoice."""

    firm: Firm
    papers: list[Paper]
    signed: list[Paper] = field(default_factory=list)
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            await self.firm.sign(unmapped(self.papers[0].through[1]))
            for paper in self.papers:
                self.signed.append(paper)
                group.create_task(self.firm.through(paper))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.enough.wait(), SIGNED_EVERY_S)
                    return


def sender_errors(client: StrictClient, front: Front, deliveries: list[dict[str, Any]]) -> list[str]:
    """Of the API, the inbox and the CLM: whatever was not answered, or not with yes, the first time."""
    repeated = [row for row in deliveries if row["url"].startswith(front.url) and row["attempts"] != 1]
    return [
        *client.errors,
        *(f"webhook {row['event_id']} took {row['attempts']} attempts" for row in repeated),
        *(["no door was open"] * front.turned_away),
    ]


def faults_told(stage: Stage) -> str:
    """What the edges wrote down about requests that failed, by version."""
    told = []
    for log in sorted(stage.folder.glob("edge-*.log")):
        lines = [
            line[-1500:]
            for line in log.read_text(errors="replace").splitlines()
            if '"level": "error"' in line or "Error" in line
        ]
        told += [f"{log.name}: {line}" for line in lines[:2]]
    return "\n".join(told)
