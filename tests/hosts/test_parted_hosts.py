"""F44: the store on one host, a worker on each of two others, and one of them is cut off: both ways, or one way only.

What it had begun is found out by its successor; what it still hears or says changes nothing; afterwards it works again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kv_runs import KINDS
from netspace import Hosts, hosts, why_not
from world import World, world

from database import Database
from tieline.adapters.postgres import launcher, roles
from tieline.twins.process import Served, served

pytestmark = pytest.mark.chaos
_HERE = Path(__file__).parent
SLOW = [{"fault": {"code": "F8", "delay_ms": 300}, "match": {"method": "POST"}}]
ITEMS = 16
Cut = Callable[[Hosts], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def both_ways(net: Hosts, of: str) -> Iterator[None]:
    with net.silent("one", of), net.unheard("one", of):
        yield


CUTS: dict[str, Cut] = {
    "the store hears nothing of it": lambda net: net.silent("one", "store"),
    "it hears nothing of the store": lambda net: net.unheard("one", "store"),
    "neither hears the other": lambda net: both_ways(net, "store"),
}


async def test_F44_a_host_that_is_cut_off_loses_nothing_and_doubles_nothing_and_works_again_when_it_is_back(
    say: Callable[[str], None],
) -> None:
    if reason := why_not():
        say(f"several hosts: NOT RUN. {reason}.")
        return
    with _folder() as folder, hosts("store", "one", "two") as net, _store(net, folder), _vendor(folder) as kv:
        database = Database(cluster=launcher.attach(folder / "home"), name=launcher.DATABASE)
        async with _relayed(net, kv) as url, world(database, kv.url) as made:
            with _worker(net, "one", url, folder), _worker(net, "two", url, folder):
                for number, (what, cut) in enumerate(CUTS.items()):
                    began = time.monotonic()
                    await _parted(net, made, kv, cut, number)
                    say(f"several hosts: {what}: held, {time.monotonic() - began:.0f} s")


async def _parted(net: Hosts, made: World, kv: Served, cut: Cut, number: int) -> None:
    """Cut in the middle of calls; everything comes to rest without the one that is cut off; then it is back."""
    await made.until(_SHARED, seconds=30)
    kv.faults(SLOW)
    await _send(made, f"early{number}", version=1)
    await made.until("select 1 from effects where state = 'intent' having count(*) > 4")
    with cut(net):
        await _send(made, f"late{number}", version=1)
        await _send(made, f"early{number}", version=2)
        kv.heal()
        await _at_rest(made)
    await made.until(_SHARED, seconds=60)
    await _send(made, f"after{number}", version=1)
    await _at_rest(made)
    await _once_each(made, kv)


async def _at_rest(made: World) -> None:
    try:
        await made.until(_AT_REST, seconds=60)
    except AssertionError as unfinished:
        for question in _WHAT_IS_LEFT:
            for row in await made.rows(question):
                unfinished.add_note(str(row))
        raise


async def _send(made: World, name: str, version: int) -> None:
    for n in range(ITEMS):
        await made.send(id=f"{name}-{n}", version=version, kinds=dict.fromkeys(KINDS, f"{n} version {version}"))


async def _once_each(made: World, kv: Served) -> None:
    """Keys and look-ups keep doubles away; a put may be repeated and must not go back to an older version."""
    done = {
        row["hex"] for row in await made.rows("select encode(effect_key, 'hex') as hex from effects where state = 'ok'")
    }
    seen: dict[str, int] = {}
    revisions: dict[tuple[str, str], list[int]] = {}
    for entry in kv.journal():
        effect = entry["payload"]["effect"]
        seen[effect] = seen.get(effect, 0) + (entry["kind"] != "k-put")
        revisions.setdefault((entry["kind"], entry["natural_key"]), []).append(entry["payload"]["revision"])
    assert {effect: n for effect, n in seen.items() if n > 1} == {}
    assert done <= set(seen), "what counts as done is not at the vendor"
    assert {key: found for key, found in revisions.items() if found != sorted(found)} == {}
    newest = await made.rows("select kind, key, revision from replicas")
    assert {(row["kind"].replace("_", "-"), row["key"]): row["revision"] for row in newest} == {
        key: found[-1] for key, found in revisions.items()
    }


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tieline-hosts-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o711)
        yield Path(name)


@contextlib.contextmanager
def _store(net: Hosts, folder: Path) -> Iterator[None]:
    address = net.address("store")
    network = address.rsplit(".", 1)[0] + ".0/24"
    order = [sys.executable, str(_HERE / "store_host.py"), str(folder / "home"), address, network]
    process = net.start("store", order, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield
    finally:
        process.communicate(timeout=60)


@contextlib.contextmanager
def _vendor(folder: Path) -> Iterator[Served]:
    with served("kv", folder / "kv", latency_ms=5) as kv:
        yield kv


@contextlib.asynccontextmanager
async def _relayed(net: Hosts, kv: Served) -> AsyncIterator[str]:
    """The look-alike listens on this machine only: here it gets an address that other hosts reach."""
    port = urlsplit(kv.url).port

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_carry(reader, onward[1]), _carry(onward[0], writer))

    server = await asyncio.start_server(serve, net.home, 0)
    try:
        yield f"http://{net.home}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError):
        while piece := await source.read(1 << 16):
            target.write(piece)
            await target.drain()
    with contextlib.suppress(ConnectionError, TimeoutError):
        target.close()


@contextlib.contextmanager
def _worker(net: Hosts, name: str, kv_url: str, folder: Path) -> Iterator[None]:
    url = f"postgresql://postgres@{net.address('store')}:5432/{launcher.DATABASE}"
    conninfo = launcher.external(url).conninfo(roles.WORKER)
    places = os.pathsep.join(str(_HERE.parent / place) for place in ("hosts", "chaos", "engine", "."))
    with (folder / f"{name}.log").open("wb") as log:
        process = net.start(
            name, [sys.executable, str(_HERE / "worker_host.py"), conninfo, kv_url, name],
            env={**os.environ, "PYTHONPATH": places}, stderr=log,
        )  # fmt: skip
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(60) == 0, (folder / f"{name}.log").read_text()[-2000:]


_SHARED = """select 1 from workers w where lease_until > clock_timestamp()
  and (select count(*) from shards s where s.owner = w.worker_id) >= 100 having count(*) = 2"""
_AT_REST = """select 1 where not exists (select 1 from intake) and not exists (select 1 from lane_dirty)
  and not exists (select 1 from due) and not exists (select 1 from effects where state in ('intent', 'unknown'))
  and not exists (select 1 from replicas where status <> 'in_step')"""
_WHAT_IS_LEFT = (
    "select *, clock_timestamp() from due", "select * from workers", "select * from budgets", "select * from budget_shares",
    "select * from circuits", "select * from lane_dirty",
    "select * from effects where replica_id in (select replica_id from replicas where status <> 'in_step')",
    "select * from shards where shard in (select shard from due)",
    "select application_name, client_addr, state, wait_event, left(query, 60), clock_timestamp() - xact_start from pg_stat_activity"
    " where backend_type = 'client backend'",
)  # fmt: skip
