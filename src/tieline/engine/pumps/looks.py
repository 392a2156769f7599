"""Class Q after an unknown outcome: the stored envelope is looked for, under a fresh fence."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.engine.leases import Leases
from tieline.engine.pumps.envelopes import unsealed
from tieline.engine.pumps.intents import Sending
from tieline.engine.rows import Cursor, Row
from tieline.ports.landscape import Cipher, TenantSetup


async def load_unknown(
    cursor: Cursor, leases: Leases, setup: TenantSetup, replica_ids: Sequence[str], cipher: Cipher
) -> list[Sending]:
    """The unsettled effects of these replicas. Their queue rows stay until the outcome: a crash only repeats the look."""
    if not replica_ids:
        return []
    await cursor.execute(_UNKNOWN, (setup.tenant, list(replica_ids)))
    return [s for row in await cursor.fetchall() if (s := _sending(leases, setup, row, cipher)) is not None]


def _sending(leases: Leases, setup: TenantSetup, row: Row, cipher: Cipher) -> Sending | None:
    operation = setup.systems[row["system"]].operation(row["kind"], row["verb"])
    if operation is None or row["payload"] is None:
        return None
    key = bytes(row["effect_key"])
    return Sending(
        tenant=setup.tenant, replica_id=row["replica_id"], lane=row["lane"], system=row["system"], shard=row["shard"],
        epoch=leases.held.get(row["shard"], -1), key=key, intended_at=row["intended_at"], verb=row["verb"],
        how=row["ended"] or "", operation=operation, envelope=unsealed(bytes(row["payload"]), setup.tenant, key, cipher),
        attempts=row["attempts"], nature=row["nature"],
    )  # fmt: skip


_UNKNOWN = """select e.effect_key, e.intended_at, e.verb, e.payload, r.replica_id, r.lane, r.system, r.shard, r.ended,
  r.attempts, r.nature, r.kind
from replicas r join effects e on e.tenant_id = r.tenant_id and e.replica_id = r.replica_id and e.state = 'unknown'
where r.tenant_id = %s and r.replica_id = any(%s) and r.status = 'unknown'"""
