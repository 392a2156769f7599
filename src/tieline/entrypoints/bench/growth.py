"""The same work on a young and on an old store: what a longer journal costs. 1.0 is nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tieline.entrypoints.bench.drain import drain, lay_out
from tieline.entrypoints.bench.ground import SYSTEM, TENANT, Ground, ground

WORK = 20_000
YOUNG = 10_000
OLD = 1_000_000
RATIO_MAX = 1.2
Say = Callable[[str], None]


async def measure(say: Say, size: int = OLD, work: int = WORK) -> dict[str, Any]:
    """`size`: rows of the old journal. The same replicas are drained twice on each store, the better time counts."""
    seconds: dict[int, float] = {}
    for rows in (min(YOUNG, size), size):
        seconds[rows] = min([await _once(say, rows, work) for _ in range(2)])
    young, old = seconds[min(YOUNG, size)], seconds[size]
    return {
        "journal_rows": size, "young_rows": min(YOUNG, size), "replicas": work, "young_s": round(young, 2),
        "old_s": round(old, 2), "ratio": round(old / young, 3), "ratio_bar": RATIO_MAX,
    }  # fmt: skip


async def _once(say: Say, rows: int, work: int) -> float:
    async with ground() as g:
        say(f"a store with {rows:,} rows of journal, effects and replicas")
        await _age(g, rows)
        await lay_out(g, work)
        seconds, _ = await drain(g, work)
    return seconds


async def _age(g: Ground, rows: int) -> None:
    given = {"tenant": TENANT, "system": SYSTEM, "rows": rows}
    for sql in (_EVENTS, _KEYS, _EFFECTS, _REPLICAS):
        await g.admin.execute(sql, given)
    await g.admin.execute("analyze")


_EVENTS = """insert into events (tenant_id, event_id, lane, lane_seq, type, subject, data, correlation_id, actor)
select %(tenant)s, gen_random_uuid(), 'old:' || n %% 1000, n, 'dev.tieline.item.recorded.v1', 'i' || n, '{"id": 1}',
  gen_random_uuid(), 'inbox' from generate_series(1, %(rows)s) as n"""
_KEYS = """insert into effect_keys (tenant_id, effect_key, payload_hash)
select %(tenant)s, decode(md5('old' || n), 'hex'), decode(md5(n::text), 'hex') from generate_series(1, %(rows)s) as n"""
_EFFECTS = """insert into effects (tenant_id, intended_at, effect_key, replica_id, lane, system, kind, verb, op_class, revision,
  payload_hash, state, worker, epoch, mapping_version, config_version, actor, settled_at)
select %(tenant)s, now(), decode(md5('old' || n), 'hex'), %(system)s || '/value/old' || n, 'old:' || n %% 1000, %(system)s,
  'value', 'put', 'K-put', 1, decode(md5(n::text), 'hex'), 'ok', 'old', 1, '1', '1', 'tieline', now()
from generate_series(1, %(rows)s) as n"""
_REPLICAS = """insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity, nature, doc,
  digest, revision, settled_revision, confirmed_revision, status, config_version, planned_by, next_actor)
select %(tenant)s, %(system)s || '/value/old' || n, 'old:' || n %% 1000, n %% 256, %(system)s, 'value', 'old' || n, 'store',
  'E1', 'state', jsonb_build_object('value', n), '\\x00', 1, 1, 1, 'in_step', '1', 'old:' || n %% 1000, %(system)s
from generate_series(1, %(rows)s) as n"""
