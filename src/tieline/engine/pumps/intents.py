"""The intent: written and flushed before the call, only for what is planned, unsettled by nobody else, and still ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tieline.engine.crashpoints import crash_point
from tieline.engine.holds import lift_subjects
from tieline.engine.leases import Leases, fence_sent
from tieline.engine.pumps.envelopes import effect_key, envelope_of, sealed, unsealed
from tieline.engine.rows import Cursor, Row, ask, write
from tieline.kit.canonical import digest
from tieline.ports.landscape import Cipher, TenantSetup
from tieline.ports.systems import Envelope, Operation, OperationClass

Claim = Row  # tenant_id, replica_id, system, shard, step
SENDABLE = ("pending", "unknown")
_FORGETTABLE = (OperationClass.Q, OperationClass.N, OperationClass.K_PUT)  # a key sent once is recognised by the system


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One effect on its way. `epoch` is the fence it was written under; `attempts` counts its earlier failures."""

    tenant: str
    replica_id: str
    lane: str
    system: str
    shard: int
    epoch: int
    key: bytes
    intended_at: datetime
    verb: str
    how: str
    operation: Operation
    envelope: Envelope
    attempts: int
    nature: str
    careful: bool = False  # the system may know this effect although we do not: a restore forgot it (F40)


async def write_intents(
    cursor: Cursor,
    leases: Leases,
    setup: TenantSetup,
    claims: Sequence[Claim],
    cipher: Cipher,
    now: datetime,
    sending: list[Sending],
) -> None:
    """Turn claims into intents, collected in `sending`. What may not go yet stays due, a little later.

    Raises LeaseLost before anything is written. When the commit of the caller's transaction fails, the caller must find
    out which intents were committed (F33): none was sent.
    """
    fenced = await fence_sent(cursor, leases, {claim["shard"] for claim in claims})
    locked = await ask(cursor, _READY, (setup.tenant, sorted(claim["replica_id"] for claim in claims)))
    await fenced.check()
    rows = await locked.fetchall()
    moment = setup.clock.present(now)
    await _drop_expired(cursor, setup.tenant, rows, moment)
    ready = [row for row in rows if _may_go(row) and not _expired(row, moment)]
    earlier = await _earlier_effects(cursor, setup.tenant, [effect_key(setup.tenant, r, _verb(r)) for r in ready])
    doubtful = await _doubtful_effects(cursor, setup.tenant, ready)
    earlier |= {bytes(row["effect_key"]): row for row in doubtful.values()}
    chosen = (
        _sending(setup, leases, row, doubtful.get(row["replica_id"]), earlier, cipher, now)
        for row in _one_per_group(ready)
    )
    sending += [s for s in chosen if s is not None]
    await _store(cursor, setup, leases, sending, earlier, cipher)
    going = {s.replica_id for s in sending}
    later = [{"replica_id": c["replica_id"], "due_at": now + timedelta(milliseconds=250)} for c in claims]
    await write(cursor, _LATER, [row for row in later if row["replica_id"] not in going], setup.tenant)
    crash_point("before_intent_commit")


def _may_go(row: Row) -> bool:
    """Only what the lane's newest records say (wanted = planned), and not behind an unsettled one of its order group.

    The records include those of other lanes that were read (O2), and no part may be left to plan under other terms.
    """
    if row["outdated"] or row["sweep"] is not None:
        return False
    return row["status"] in SENDABLE and row["wanted"] == row["planned"] and not row["group_busy"]


def _expired(row: Row, moment: datetime) -> bool:
    return row["nature"] == "notice" and row["expires_at"] is not None and row["expires_at"] <= moment


async def _drop_expired(cursor: Cursor, tenant: str, rows: Sequence[Row], moment: datetime) -> None:
    """A notice that comes too late is not told any more."""
    late = [{"replica_id": row["replica_id"]} for row in rows if _expired(row, moment) and row["status"] == "pending"]
    await write(cursor, _TOO_LATE, late, tenant)
    await lift_subjects(cursor, tenant, "push", [row["replica_id"] for row in late])


def _one_per_group(rows: Sequence[Row]) -> list[Row]:
    seen: set[tuple[str, str, str]] = set()
    chosen = []
    for row in rows:
        group = (row["lane"], row["system"], row["order_group"] or row["replica_id"])
        if group not in seen:
            seen.add(group)
            chosen.append(row)
    return chosen


def _verb(row: Row) -> str:
    return "end" if row["ended"] else "put"


def _sending(
    setup: TenantSetup,
    leases: Leases,
    row: Row,
    doubtful: Row | None,
    earlier: Mapping[bytes, Row],
    cipher: Cipher,
    now: datetime,
) -> Sending | None:
    """A `doubtful` effect of an older revision is repeated first: unsettled, it could still overtake the newer one (O1)."""
    verb = doubtful["verb"] if doubtful else _verb(row)
    operation = setup.systems[row["system"]].operation(row["kind"], verb)
    key = bytes(doubtful["effect_key"]) if doubtful else effect_key(setup.tenant, row, verb)
    known = earlier.get(key)
    if operation is None or (known is not None and known["state"] in ("ok", "ambiguous")):
        return None
    envelope = envelope_of(setup.tenant, row, verb)
    if known is not None and known["payload"] is not None:
        envelope = unsealed(bytes(known["payload"]), setup.tenant, key, cipher)  # a repeat sends the same bytes
    return Sending(
        tenant=setup.tenant, replica_id=row["replica_id"], lane=row["lane"], system=row["system"], shard=row["shard"],
        epoch=leases.held.get(row["shard"], -1), key=key, intended_at=known["intended_at"] if known else now, verb=verb,
        how=row["ended"] or "", operation=operation, envelope=envelope, attempts=row["attempts"], nature=row["nature"],
        careful=row["restored"] and operation.op_class in _FORGETTABLE,
    )  # fmt: skip


async def _earlier_effects(cursor: Cursor, tenant: str, keys: Sequence[bytes]) -> dict[bytes, Row]:
    await write(cursor, _EARLIER, [{"k": key} for key in keys], tenant)
    return {bytes(row["effect_key"]): row for row in await cursor.fetchall()} if keys else {}


async def _doubtful_effects(cursor: Cursor, tenant: str, rows: Sequence[Row]) -> dict[str, Row]:
    """By replica: the effect whose outcome is unknown, whatever has been planned since."""
    unknown = [row["replica_id"] for row in rows if row["status"] == "unknown"]
    if not unknown:
        return {}
    await cursor.execute(_DOUBTFUL, (tenant, unknown))
    return {row["replica_id"]: row for row in await cursor.fetchall()}


async def _store(
    cursor: Cursor,
    setup: TenantSetup,
    leases: Leases,
    sending: Sequence[Sending],
    earlier: Mapping[bytes, Row],
    cipher: Cipher,
) -> None:
    fresh = [_effect(setup, leases, s, cipher) for s in sending if s.key not in earlier]
    again = [
        {
            "k": s.key,
            "intended_at": s.intended_at,
            "replica_id": s.replica_id,
            "worker": leases.worker,
            "epoch": s.epoch,
        }
        for s in sending
        if s.key in earlier
    ]
    await write(cursor, _INTENT, fresh, setup.tenant)
    await write(cursor, _AGAIN, again, setup.tenant)


def _effect(setup: TenantSetup, leases: Leases, s: Sending, cipher: Cipher) -> dict[str, Any]:
    return {
        "intended_at": s.intended_at, "k": s.key, "replica_id": s.replica_id, "lane": s.lane, "system": s.system,
        "kind": s.envelope.kind, "verb": s.verb, "op_class": str(s.operation.op_class), "revision": s.envelope.revision,
        "payload": sealed(s.envelope, setup.tenant, cipher), "payload_hash": digest(s.envelope.doc),
        "worker": leases.worker, "epoch": s.epoch, "mapping_version": setup.systems[s.system].mapping_version,
        "config_version": setup.config_version,
    }  # fmt: skip


_READY = """select r.*,
  exists (select 1 from feed_epochs f where f.tenant_id = r.tenant_id and f.started_at > now() - interval '1 day') as restored,
  l.wanted, l.planned, l.sweep,
  exists (select 1 from dependencies d join records c
    on c.tenant_id = d.tenant_id and c.kind = d.kind and c.record_id = d.record_id and c.version > d.version
    where d.tenant_id = r.tenant_id and d.lane = r.planned_by) as outdated,
  (select jsonb_object_agg(d.kind || '/' || d.key, d.external) from replicas d
    where d.tenant_id = r.tenant_id and d.replica_id = any(r.after) and d.external is not null) as links,
  r.order_group <> '' and exists (select 1 from replicas s where s.tenant_id = r.tenant_id and s.lane = r.lane
    and s.system = r.system and s.order_group = r.order_group and s.replica_id <> r.replica_id
    and s.status in ('sending', 'unknown')) as group_busy
from replicas r join lanes l on l.tenant_id = r.tenant_id and l.lane = r.lane
where r.tenant_id = %s and r.replica_id = any(%s) order by r.replica_id for update of r"""
_EARLIER = """select e.* from effects e
join (select %s::text as tenant_id, decode(x.k, 'hex') as k from jsonb_to_recordset(%s::jsonb) as x(k text)) r
  on e.tenant_id = r.tenant_id and e.effect_key = r.k"""
_DOUBTFUL = "select * from effects where tenant_id = %s and replica_id = any(%s) and state = 'unknown'"
_INTENT = """with rows as (
  select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(intended_at timestamptz, k text, replica_id text,
    lane text, system text, kind text, verb text, op_class text, revision int, payload text, payload_hash text, worker text,
    epoch bigint, mapping_version text, config_version text)),
keys as (
  insert into effect_keys (tenant_id, effect_key, payload_hash)
  select tenant_id, decode(k, 'hex'), decode(payload_hash, 'hex') from rows returning tenant_id, effect_key),
gone as (delete from due d using rows where d.tenant_id = rows.tenant_id and d.replica_id = rows.replica_id),
going as (
  update replicas r set status = 'sending', updated_at = now() from rows
  where r.tenant_id = rows.tenant_id and r.replica_id = rows.replica_id)
insert into effects (tenant_id, intended_at, effect_key, replica_id, lane, system, kind, verb, op_class, revision, payload,
  payload_hash, state, worker, epoch, mapping_version, config_version, correlation_id, causation_id, actor, approver)
select rows.tenant_id, rows.intended_at, decode(rows.k, 'hex'), rows.replica_id, rows.lane, rows.system, rows.kind, rows.verb,
  rows.op_class, rows.revision, decode(rows.payload, 'hex'), decode(rows.payload_hash, 'hex'), 'intent', rows.worker,
  rows.epoch, rows.mapping_version, rows.config_version, p.correlation_id, p.causation_id, 'tieline',
  (select a.principal from approvals a where a.tenant_id = p.tenant_id and a.subject = p.subject
    and a.digest = p.covers and a.withdrawn_at is null order by a.approved_at limit 1)
from rows join keys on keys.tenant_id = rows.tenant_id and keys.effect_key = decode(rows.k, 'hex')
join replicas p on p.tenant_id = rows.tenant_id and p.replica_id = rows.replica_id"""
_AGAIN = """with rows as (
  select %s::text as tenant_id, decode(x.k, 'hex') as key, x.* from jsonb_to_recordset(%s::jsonb)
    as x(k text, intended_at timestamptz, replica_id text, worker text, epoch bigint)),
gone as (delete from due d using rows where d.tenant_id = rows.tenant_id and d.replica_id = rows.replica_id),
going as (
  update replicas r set status = 'sending', updated_at = now() from rows
  where r.tenant_id = rows.tenant_id and r.replica_id = rows.replica_id)
update effects e set state = 'intent', attempt = e.attempt + 1, worker = r.worker, epoch = r.epoch
from rows r where e.tenant_id = r.tenant_id and e.intended_at = r.intended_at and e.effect_key = r.key"""
_TOO_LATE = """with rows as (
  select %s::text as tenant_id, r.* from jsonb_to_recordset(%s::jsonb) as r(replica_id text)),
gone as (delete from due d using rows where d.tenant_id = rows.tenant_id and d.replica_id = rows.replica_id)
update replicas r set status = 'ended', updated_at = now() from rows
where r.tenant_id = rows.tenant_id and r.replica_id = rows.replica_id"""
_LATER = """update due d set due_at = r.due_at
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text, due_at timestamptz)) r
where d.tenant_id = r.tenant_id and d.replica_id = r.replica_id"""
