"""After a lease changed hands: what the former worker may still have under way is unknown, and each class knows its way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from tieline.engine.holds import raise_holds
from tieline.engine.lanes import wake
from tieline.engine.leases import Leases, fence
from tieline.engine.pumps.evidence import of_call
from tieline.engine.pumps.intents import Sending
from tieline.engine.pumps.outcomes import push_hold
from tieline.engine.rows import Cursor, Row, tenant_transaction, write
from tieline.ports.landscape import Landscape, TenantSetup
from tieline.ports.systems import OperationClass


async def take_over(
    connection: AsyncConnection[Any], leases: Leases, landscape: Landscape, shards: Sequence[int], now: datetime
) -> int:
    """Resolve the intents of earlier epochs in freshly taken shards. The lease has run out, so no send starts any more;
    one that had started ends within the operation's life (D5). Returns how many were unsettled."""
    async with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute("select * from unsettled(%s::smallint[])", (list(shards),))
        left = [row for row in await cursor.fetchall() if row["state"] == "intent"]
    by_tenant: dict[str, list[Row]] = defaultdict(list)
    for row in left:
        by_tenant[row["tenant_id"]].append(row)
    for tenant, rows in by_tenant.items():
        if tenant in landscape:
            await _resolve(connection, leases, landscape[tenant], rows, now)
    return len(left)


async def _resolve(
    connection: AsyncConnection[Any], leases: Leases, setup: TenantSetup, rows: Sequence[Row], now: datetime
) -> None:
    async with tenant_transaction(connection, setup.tenant) as cursor:
        await cursor.execute(_LEFT, (setup.tenant, [bytes(row["effect_key"]) for row in rows]))
        left = [row for row in await cursor.fetchall() if row["epoch"] < leases.held.get(row["shard"], -1)]  # not ours
        await fence(cursor, leases, {row["shard"] for row in left})
        moves = [_move(setup, row, now) for row in left]
        await write(cursor, _EFFECTS, moves, setup.tenant)
        await write(cursor, _REPLICAS, moves, setup.tenant)
        await write(cursor, _DUE, [move for move in moves if move["step"]], setup.tenant)
        await wake(cursor, setup.tenant, {row["planned_by"] or row["lane"] for row in left})
        stuck = [row for row, move in zip(left, moves, strict=True) if move["status"] == "ambiguous"]
        sentence = "nobody knows whether the last call had its effect, and the system cannot be asked"
        holds = [push_hold(setup, row, "AMBIGUOUS", sentence, _evidence(row)) for row in stuck]
        await raise_holds(cursor, setup.tenant, holds)


def _move(setup: TenantSetup, row: Row, now: datetime) -> dict[str, Any]:
    operation = setup.systems[row["system"]].operation(row["kind"], row["verb"])
    life = (operation.max_life + operation.consistency_window) if operation else timedelta(minutes=5)
    move = {
        "k": bytes(row["effect_key"]), "intended_at": row["intended_at"], "replica_id": row["replica_id"], "system": row["system"],
        "shard": row["shard"], "fence_until": now + life, "due_at": now, "state": "unknown", "status": "unknown", "step": "push",
    }  # fmt: skip
    match row["op_class"]:
        case OperationClass.K_ONCE | OperationClass.K_PUT:
            return move
        case OperationClass.Q:
            return move | {"step": "look", "due_at": now + life}
    if row["nature"] == "notice":
        return move | {"state": "ambiguous", "status": "ended", "step": None}
    return move | {"state": "ambiguous", "status": "ambiguous", "step": None}


def _evidence(row: Row) -> dict[str, Any]:
    return of_call(row, effect_key=bytes(row["effect_key"]), verb=row["verb"], sent_at=row["intended_at"])


async def committed_but_unsent(cursor: Cursor, tenant: str, sending: Sequence[Sending]) -> list[Sending]:
    """Of intents whose commit was in doubt, those that are in the store (F33). None of them was sent."""
    await cursor.execute(_IN_STORE, (tenant, [s.key for s in sending]))
    there = {bytes(row["effect_key"]) for row in await cursor.fetchall()}
    return [s for s in sending if s.key in there]


_LEFT = """select e.effect_key, e.intended_at, e.verb, e.op_class, e.epoch, r.* from effects e
join replicas r on r.tenant_id = e.tenant_id and r.replica_id = e.replica_id
where e.tenant_id = %s and e.effect_key = any(%s) and e.state = 'intent' order by r.replica_id for update"""
_IN_STORE = "select effect_key from effects where tenant_id = %s and effect_key = any(%s) and state = 'intent'"
_EFFECTS = """update effects e set state = r.state, settle_after = r.fence_until
from (select %s::text as tenant_id, decode(x.k, 'hex') as key, x.* from jsonb_to_recordset(%s::jsonb)
  as x(k text, intended_at timestamptz, state text, fence_until timestamptz)) r
where e.tenant_id = r.tenant_id and e.intended_at = r.intended_at and e.effect_key = r.key"""
_REPLICAS = """update replicas p set status = r.status, fence_until = r.fence_until, updated_at = now()
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb)
  as x(replica_id text, status text, fence_until timestamptz)) r
where p.tenant_id = r.tenant_id and p.replica_id = r.replica_id"""
_DUE = """insert into due (tenant_id, replica_id, system, shard, step, due_at)
select %s, replica_id, system, shard, step, due_at
from jsonb_to_recordset(%s::jsonb) as r(replica_id text, system text, shard smallint, step text, due_at timestamptz)
on conflict (tenant_id, replica_id) do update set step = excluded.step, due_at = excluded.due_at"""
