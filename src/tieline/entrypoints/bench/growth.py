"""The same work on a young and on an old store: what a longer journal costs. 1.0 is nothing.

Both stores run side by side and are measured in turns, so that whatever else the machine does falls on both. The work is
taking in signed facts (the journal itself) and draining due replicas (effects, replicas and their queue).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, LiteralString

import psycopg

from tieline.adapters.postgres import roles
from tieline.engine.inputs import NewInput, accept
from tieline.entrypoints.bench.drain import drain, lay_out
from tieline.entrypoints.bench.filling import fill, filler, settled, unindexed
from tieline.entrypoints.bench.ground import SYSTEM, TENANT, Ground, Stopwatch, ground
from tieline.entrypoints.bench.progress import Progress
from tieline.kit.canonical import digest_of
from tieline.kit.ids import uuid7

WORK = 10_000
YOUNG = 10_000
OLD = 1_000_000
TURNS = 3
ACCEPTED_AT_ONCE = 500
RATIO_MAX = 1.2
# One in so many events of the journal has an input, a record with its history, an effect and a replica beside it.
PER_EVENT = 10
Say = Callable[[str], None]


@dataclass(slots=True)
class Aged:
    """One store, with the seconds of each turn."""

    ground: Ground
    accepting: list[float] = field(default_factory=list)
    draining: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return median(self.accepting) + median(self.draining)


async def measure(say: Say, size: int = OLD, work: int = WORK) -> dict[str, Any]:
    """`size`: events in the journal of the old store, beside the other rows that belong to them."""
    async with ground() as first, ground() as second:
        young, old = Aged(first), Aged(second)
        await age(young.ground, min(YOUNG, size), say)
        watch = Stopwatch()
        await age(old.ground, size, say)
        aged_s, gigabytes = watch.s, await _gigabytes(old.ground)
        for turn in range(TURNS):
            for one in (young, old) if turn % 2 else (old, young):
                say(f"turn {turn + 1} of {TURNS}, {'young' if one is young else 'old'}: {work:,} facts and replicas")
                await _turn(one, work, say)
    return {
        "journal_rows": size, "young_rows": min(YOUNG, size), "other_rows_each": size // PER_EVENT, "old_gb": gigabytes,
        "aging_s": round(aged_s, 1), "work": work, "turns": TURNS,
        **_figures("accepting", young.accepting, old.accepting, work), **_figures("draining", young.draining, old.draining, work),
        "ratio": round(old.seconds / young.seconds, 3), "ratio_bar": RATIO_MAX,
    }  # fmt: skip


def _figures(what: str, young: Sequence[float], old: Sequence[float], work: int) -> dict[str, Any]:
    return {
        f"{what}_young_per_s": round(work / median(young), 1), f"{what}_old_per_s": round(work / median(old), 1),
        f"{what}_ratio": round(median(old) / median(young), 3),
        f"{what}_young_s": [round(each, 2) for each in young], f"{what}_old_s": [round(each, 2) for each in old],
    }  # fmt: skip


async def _turn(one: Aged, work: int, say: Say) -> None:
    g, run = one.ground, secrets.token_hex(3)
    one.accepting.append(await _accept(g, work, run))
    await g.admin.execute("truncate intake")  # nobody here knows what the facts mean
    await lay_out(g, work, say, prefix=run)
    seconds, _ = await drain(g, work, say)
    one.draining.append(seconds)


async def _accept(g: Ground, work: int, run: str) -> float:
    """Seconds for `work` facts, committed as the edge commits them under load."""
    body = b'{"id":"te_1","hours":"7.5","narrative":"%s"}' % (b"review with the client " * 20)
    facts = [
        NewInput(
            tenant=TENANT, channel="webhook", system=SYSTEM, topic="time_entry", source_id=f"{run}{n}",
            dedup=digest_of("webhook", SYSTEM, f"{run}{n}"), body=body, correlation_id=uuid7(),
        )
        for n in range(work)
    ]  # fmt: skip
    edge = await psycopg.AsyncConnection.connect(g.cluster.conninfo(roles.EDGE), autocommit=True)
    async with edge:
        watch = Stopwatch()
        for start in range(0, work, ACCEPTED_AT_ONCE):
            await accept(edge, facts[start : start + ACCEPTED_AT_ONCE])
        return watch.s


async def age(g: Ground, rows: int, say: Say) -> None:
    """`rows` events, and what belongs to one in ten of them, on two connections at once."""
    rest = max(1, rows // PER_EVENT)
    plan = [*((tables, statements, rest) for tables, statements in _REST), (("events",), (_EVENTS,), rows)]
    progress = Progress(what="aging", total=sum(n * len(statements) for _, statements, n in plan), say=say)
    await asyncio.gather(
        _age(g, [plan[-1]], progress),
        _age(g, plan[:-1], progress),
    )


async def _age(
    g: Ground, plan: Sequence[tuple[Sequence[str], Sequence[LiteralString], int]], progress: Progress
) -> None:
    given = {"tenant": TENANT, "system": SYSTEM}
    async with filler(g.conninfo) as admin:
        for tables, statements, rows in plan:
            async with unindexed(admin, tables, rows):
                await fill(admin, statements, given, rows, progress)
            await settled(admin, tables)


async def _gigabytes(g: Ground) -> float:
    (row,) = await g.rows("select pg_database_size(current_database()) as n")
    return round(int(row["n"]) / 2**30, 2)


_EVENTS: LiteralString = """insert into events (tenant_id, event_id, lane, lane_seq, type, subject, data, correlation_id, actor)
select %(tenant)s, gen_random_uuid(), 'old:' || n %% 1000, n, 'dev.tieline.time_entry.recorded.v1', 'te_' || n,
  jsonb_build_object('id', 'te_' || n, 'hours', '7.5'), gen_random_uuid(), 'inbox'
from generate_series(%(first)s::int, %(last)s) as n"""
_INPUTS: LiteralString = """insert into inputs (tenant_id, input_id, channel, system, topic, source_id, dedup, body,
  correlation_id, shard, status, settled_at, lane)
select %(tenant)s, gen_random_uuid(), 'webhook', %(system)s, 'time_entry', 'old' || n, decode(md5('old' || n), 'hex'),
  convert_to('{"id":"te_' || n || '","hours":"7.5","narrative":"' || repeat('review with the client ', 6) || '"}', 'UTF8'),
  gen_random_uuid(), n %% 256, 'applied', now(), 'old:' || n %% 1000
from generate_series(%(first)s::int, %(last)s) as n"""
_INPUT_KEYS: LiteralString = """insert into input_keys (tenant_id, digest, body_hash)
select %(tenant)s, decode(md5('old' || n), 'hex'), decode(md5(n::text), 'hex')
from generate_series(%(first)s::int, %(last)s) as n"""
_RECORDS: LiteralString = """insert into records (tenant_id, kind, record_id, lane, legal_entity, version, source_system,
  source_version, digest, doc, lane_version, part)
select %(tenant)s, 'time_entry', 'te_' || n, 'old:' || n %% 1000, 'E1', 1, %(system)s, '1', decode(md5(n::text), 'hex'),
  jsonb_build_object('id', 'te_' || n, 'hours', '7.5', 'work_date', '2026-01-01'), n, 'day/' || n / 4
from generate_series(%(first)s::int, %(last)s) as n"""
_HISTORY: LiteralString = """insert into record_history (tenant_id, recorded_at, kind, record_id, version, source_version, doc, actor)
select %(tenant)s, now(), 'time_entry', 'te_' || n, 1, '1', jsonb_build_object('id', 'te_' || n, 'hours', '7.5'), 'inbox'
from generate_series(%(first)s::int, %(last)s) as n"""
_EFFECT_KEYS: LiteralString = """insert into effect_keys (tenant_id, effect_key, payload_hash)
select %(tenant)s, decode(md5('old' || n), 'hex'), decode(md5(n::text), 'hex')
from generate_series(%(first)s::int, %(last)s) as n"""
_EFFECTS: LiteralString = """insert into effects (tenant_id, intended_at, effect_key, replica_id, lane, system, kind, verb,
  op_class, revision, payload_hash, state, worker, epoch, mapping_version, config_version, actor, settled_at, correlation_id)
select %(tenant)s, now(), decode(md5('old' || n), 'hex'), %(system)s || '/value/old' || n, 'old:' || n %% 1000, %(system)s,
  'value', 'put', 'K-put', 1, decode(md5(n::text), 'hex'), 'ok', 'old', 1, '1', '1', 'tieline', now(), gen_random_uuid()
from generate_series(%(first)s::int, %(last)s) as n"""
_REPLICAS: LiteralString = """insert into replicas (tenant_id, replica_id, lane, shard, system, kind, key, role, legal_entity,
  nature, doc, digest, revision, settled_revision, confirmed_revision, status, config_version, planned_by, next_actor,
  observed, observed_at, external, part)
select %(tenant)s, %(system)s || '/value/old' || n, 'old:' || n %% 1000, n %% 256, %(system)s, 'value', 'old' || n, 'store',
  'E1', 'state', jsonb_build_object('value', n), '\\x00', 1, 1, 1, 'in_step', '1', 'old:' || n %% 1000, %(system)s,
  jsonb_build_object('value', n), now(), jsonb_build_object('id', 'old' || n), 'day/' || n / 4
from generate_series(%(first)s::int, %(last)s) as n"""
_REST: tuple[tuple[tuple[str, ...], tuple[LiteralString, ...]], ...] = (
    (("inputs", "input_keys"), (_INPUTS, _INPUT_KEYS)),
    (("records", "record_history"), (_RECORDS, _HISTORY)),
    (("effects", "effect_keys"), (_EFFECTS, _EFFECT_KEYS)),
    (("replicas",), (_REPLICAS,)),
)
