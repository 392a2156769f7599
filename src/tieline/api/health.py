"""Is the process alive, can it do its work, which version is it. A foreign system's outage never makes us unready."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import psycopg_pool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tieline.api.batcher import Batcher
from tieline.api.catalogue import CATALOGUE
from tieline.api.services import Pool, Services
from tieline.engine.views.liveness import duties_check, feed_check, unfinished_check
from tieline.kit.errors import NotFound

_PATIENCE_S = 2.0
_SETTINGS = "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes')"
_SHARDS = """select count(*) filter (where w.worker_id is null), count(distinct w.worker_id)
from shards s left join workers w on w.worker_id = s.owner and w.lease_until > clock_timestamp()"""
Check = dict[str, Any]


class Health:
    def __init__(self, services: Services, batcher: Batcher) -> None:
        self._services = services
        self._batcher = batcher

    async def alive(self, request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(self, request: Request) -> Response:
        checks = {
            "database": await _database(self._services.pool),
            "intake": await _database(self._services.edge_pool),
            "schema": await _schema(self._services.pool, self._services.schema_version),
            "durability": await _durability(self._services.pool),
            "queue": _queue(self._batcher),
        }
        fine = all(check["ok"] for check in checks.values())
        document: dict[str, Any] = {"status": "ready" if fine else "not_ready"}
        if "verbose" in request.query_params:  # without a worker we are ready all the same: what arrives is kept
            leases = {"leases": await _leases(self._services.pool)}
            document["checks"] = {**checks, **leases, **await _standing(self._services)}
        return JSONResponse(document, 200 if fine else 503, headers={} if fine else {"retry-after": "2"})

    async def version(self, request: Request) -> Response:
        return JSONResponse({"version": self._services.version, "commit": self._services.commit})

    async def problem(self, request: Request) -> Response:
        """What a problem's `type` leads to."""
        found = CATALOGUE.get(request.path_params["code"])
        if found is None:
            raise NotFound("There is no such problem in the catalogue.")
        return JSONResponse({name: getattr(found, name) for name in found.__slots__})


async def _database(pool: Pool) -> Check:
    try:
        await _ask(pool, "select 1")
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError, OSError):
        return _check(False, "answers", "does not answer", "start PostgreSQL or correct its address; nothing is lost")
    return _check(True, "answers", "answers")


async def _schema(pool: Pool, known: str) -> Check:
    """A server that answers but is not migrated, or refuses our role, can do none of our work. A newer one can: migrations
    run before the code that needs them.
    """
    expected = f"migrated to {known} or later" if known else "migrated"
    try:
        await _ask(pool, "select count(*) from authenticate('')")
        found = await _ask(pool, "select max(version_num) from alembic_version")
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError, OSError):
        return _check(False, expected, "not migrated, or not ours to use", "run the migrations: `tieline up` does")
    version = str(found[0][0])
    return _check(version >= known, expected, f"migrated to {version}", "run the migrations: `tieline up` does")


async def _leases(pool: Pool) -> Check:
    """Every shard belongs to a worker that is alive, else what arrives is kept and not worked on."""
    expected = "every shard has a living worker"
    try:
        ((idle, workers),) = await _ask(pool, _SHARDS)
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError, OSError):
        return _check(False, expected, "cannot be asked", "start PostgreSQL")
    seen = f"{workers} worker(s) alive, {idle} shard(s) without one"
    return _check(idle == 0, expected, seen, "start a worker: `tieline run worker`; after a crash wait a few seconds")


async def _standing(services: Services) -> dict[str, Check]:
    """Is everything done that nobody asks for? A finding here makes nobody unready: it is for people to act upon."""
    try:
        async with asyncio.timeout(_PATIENCE_S), services.pool.connection(timeout=_PATIENCE_S) as connection:
            found = {
                "duties": await duties_check(connection), "unfinished": await unfinished_check(connection),
                "feed": await feed_check(connection),
            }  # fmt: skip
            return {**found, **await services.examine(connection)}
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError, OSError):
        return {"duties": _check(False, "every duty is done in its time", "cannot be asked", "start PostgreSQL")}


async def _durability(pool: Pool) -> Check:
    """What we acknowledge must survive a crash of PostgreSQL (L1)."""
    try:
        rows = await _ask(pool, _SETTINGS)
    except (psycopg.Error, psycopg_pool.PoolTimeout, TimeoutError, OSError):
        return _check(False, "fsync, synchronous_commit, full_page_writes on", "cannot be asked", "start PostgreSQL")
    off = sorted(name for name, setting in rows if setting == "off")
    seen = f"off: {', '.join(off)}" if off else "on"
    return _check(not off, "fsync, synchronous_commit, full_page_writes on", seen, "switch them on in postgresql.conf")


def _queue(batcher: Batcher) -> Check:
    seen = f"{batcher.waiting} waiting"
    return _check(not batcher.full, "room for requests", seen, "the database is too slow for what arrives")


async def _ask(pool: Pool, sql: str) -> list[Any]:
    async with asyncio.timeout(_PATIENCE_S), pool.connection(timeout=_PATIENCE_S) as connection:
        return await (await connection.execute(sql.encode())).fetchall()


def _check(ok: bool, expected: str, seen: str, way_out: str = "") -> Check:
    return {"ok": ok, "expected": expected, "seen": seen, "way_out": "" if ok else way_out}
