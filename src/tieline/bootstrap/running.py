"""Processes: everything in one, or store, edge and workers apart; each ends in order when it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from tieline.adapters.config import Settings
from tieline.adapters.postgres.launcher import Cluster
from tieline.adapters.vault import EnvFileVault
from tieline.bootstrap.duties import scheduler, scheduler_only
from tieline.bootstrap.hub import Hub, hub, now, worker_only
from tieline.bootstrap.store import join_store, open_store, reach_store, watch_fitness
from tieline.console import Doors, create_console
from tieline.kit.errors import Unavailable

CONNECTIONS_MAX = 1000  # more are told 503 at once, instead of everybody becoming slow
LOCAL_SCOPES = (
    "contract:read", "event:read", "hold:retry", "invoice:release", "invoice:request", "plan:apply",
    "system:read", "time:write", "webhook:read", "webhook:write",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Said once, when the hub takes requests. `login_link` opens the console one time."""

    url: str
    login_link: str
    api_key: str = field(repr=False)


async def run_hub(settings: Settings, on_ready: Callable[[Ready], None]) -> None:
    """Serve edge, API and console, work, and do the duties, until SIGTERM or SIGINT; then finish what is under way."""
    with ended_by_signal() as ended:
        async with (
            hub(settings) as running,
            scheduler(settings, running.cluster, running.landscape, now, running.worker.pump.budgets) as duties,
        ):
            doors = Doors(time.monotonic)
            async with served_site(settings, _site(running, doors)) as site:
                work, dutiful = asyncio.create_task(running.worker.run()), asyncio.create_task(duties.run())
                try:
                    on_ready(await _ready(running, site.url, doors))
                    await _first(work, site.serving, dutiful, ended=ended, on=running.cluster)
                finally:
                    duties.stop()
                    running.worker.stop()
                    await asyncio.gather(work, dutiful)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedSite:
    url: str
    serving: asyncio.Task[None]


@contextlib.asynccontextmanager
async def served_site(settings: Settings, site: ASGIApp) -> AsyncIterator[ServedSite]:
    """Listen where the settings say; requests under way are finished at the end."""
    config = uvicorn.Config(
        site, host=settings.listen.host, port=settings.listen.port, log_level="warning", access_log=False,
        server_header=False, timeout_graceful_shutdown=10, timeout_keep_alive=5,
        http="httptools", ws="none", limit_concurrency=CONNECTIONS_MAX, backlog=CONNECTIONS_MAX,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        await _until_started(server, serving)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield ServedSite(url=f"http://{host}:{port}", serving=serving)
    finally:
        server.should_exit = True
        await serving


async def run_edge(settings: Settings, on_ready: Callable[[Ready], None]) -> None:
    """Edge, API and console without a worker, on a store that another process has opened, until SIGTERM or SIGINT."""
    with ended_by_signal() as ended:
        async with hub(settings, store=join_store) as running:
            doors = Doors(time.monotonic)
            async with served_site(settings, _site(running, doors)) as site:
                on_ready(await _ready(running, site.url, doors))
                await _first(site.serving, ended=ended, on=running.cluster)


def _site(running: Hub, doors: Doors) -> ASGIApp:
    return Router([Mount("/console", create_console(running.app, doors=doors)), Mount("/", running.app)])


async def run_store(settings: Settings, on_ready: Callable[[], None]) -> None:
    """The embedded store alone, migrated, until SIGTERM or SIGINT: for an edge and workers in processes of their own."""
    cluster = open_store(settings, EnvFileVault())
    try:
        with ended_by_signal() as ended:
            on_ready()
            await ended.wait()
    finally:
        cluster.stop()


async def run_worker(settings: Settings) -> None:
    """One more worker, until SIGTERM or SIGINT."""
    with ended_by_signal() as ended:
        async with worker_only(settings) as worker:
            work = asyncio.create_task(worker.run())
            try:
                await _first(work, ended=ended, on=reach_store(settings, EnvFileVault()))
            finally:
                worker.stop()
                await work


async def run_scheduler(settings: Settings, on_ready: Callable[[], None] = lambda: None) -> None:
    """One more scheduler, until SIGTERM or SIGINT: rounds under way end, and every duty is given back."""
    with ended_by_signal() as ended:
        async with scheduler_only(settings, now) as duties:
            work = asyncio.create_task(duties.run())
            try:
                on_ready()
                await _first(work, ended=ended, on=reach_store(settings, EnvFileVault()))
            finally:
                duties.stop()
                await work


class _Server(uvicorn.Server):
    """Ends when told by the owner of the process, so that the worker beside it can finish first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def ended_by_signal() -> Iterator[asyncio.Event]:
    """An event that SIGTERM or SIGINT sets; after SIGINT the block ends with KeyboardInterrupt, which exits with 130."""
    ended, loop, received = asyncio.Event(), asyncio.get_running_loop(), []

    def end(number: int) -> None:
        received.append(number)
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    try:
        yield ended
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    if signal.SIGINT in received:
        raise KeyboardInterrupt


async def _first(*works: asyncio.Task[Any], ended: asyncio.Event, on: Cluster) -> None:
    """Until one of `works` ends (its error is raised), the process is told to end, or the store is beyond this code."""
    told, watch = asyncio.create_task(ended.wait()), asyncio.create_task(watch_fitness(on))
    done, _ = await asyncio.wait({*works, told, watch}, return_when=asyncio.FIRST_COMPLETED)
    for ours in (told, watch):
        ours.cancel()
    for ended_work in done - {told}:
        ended_work.result()


async def _until_started(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    while not server.started:
        if serving.done():
            raise Unavailable("The address cannot be listened on; another process may hold the port.")
        await asyncio.sleep(0.01)


async def _ready(running: Hub, url: str, doors: Doors) -> Ready:
    issued = await running.issue_key(next(iter(running.landscape)), "this machine", LOCAL_SCOPES)
    return Ready(url=url, login_link=f"{url}/console/enter/{doors.leave(issued.key)}", api_key=issued.key)
