"""A1: our half of the bijection with a truth journal: one row per effect, with all that an auditor may ask."""

from __future__ import annotations

from typing import LiteralString

from tieline.engine.rows import Cursor, Row


async def effects_for_audit(cursor: Cursor, system: str) -> list[Row]:
    """Effects in one system, oldest first, with the number of key rows that guard each (always 1)."""
    await cursor.execute(_SQL, (system,))
    return list(await cursor.fetchall())


_SQL: LiteralString = """
select encode(f.effect_key, 'hex') as effect_key, f.replica_id, f.lane, f.kind, f.verb, f.op_class, f.revision, f.state,
  f.attempt, f.intended_at, f.settled_at, f.external, f.actor, f.approver, f.correlation_id, f.causation_id,
  f.mapping_version, f.config_version, encode(f.payload_hash, 'hex') as payload_hash,
  (select count(*) from effect_keys k where k.tenant_id = f.tenant_id and k.effect_key = f.effect_key
    and k.payload_hash = f.payload_hash) as key_rows
from effects f where f.tenant_id = current_setting('tieline.tenant') and f.system = %s
order by f.intended_at, f.effect_key"""
