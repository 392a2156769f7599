"""Holds: the business reason why something may not move, raised and lifted set-based. All holds of one cause are a case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tieline.engine.rows import Cursor, write
from tieline.kit.canonical import Json
from tieline.kit.ids import uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHold:
    lane: str
    source: str  # flow | push | intake | engine
    code: str
    subject: str
    owner: str
    sentence: str
    way_out: str
    evidence: Json = None
    amount: str | None = None
    currency: str | None = None
    case_key: str = ""
    input_id: UUID | None = None
    correlation_id: UUID | None = None
    part: str | None = None


def _row(hold: NewHold) -> dict[str, Any]:
    return {
        "hold_id": uuid7(), "lane": hold.lane, "code": hold.code, "subject": hold.subject, "source": hold.source,
        "owner": hold.owner, "sentence": hold.sentence, "way_out": hold.way_out, "evidence": hold.evidence,
        "amount": hold.amount, "currency": hold.currency, "case_key": hold.case_key or hold.code,
        "input_id": hold.input_id, "correlation_id": hold.correlation_id, "part": hold.part,
    }  # fmt: skip


async def raise_holds(cursor: Cursor, tenant: str, holds: Sequence[NewHold]) -> None:
    """Open what is new; refresh the words of what is open already, keeping `since`."""
    unique = {(h.lane, h.source, h.code, h.subject): h for h in holds}
    await write(cursor, _RAISE, [_row(hold) for hold in unique.values()], tenant)


async def lift(cursor: Cursor, tenant: str, hold_ids: Iterable[UUID]) -> None:
    ids = list(hold_ids)
    if ids:
        await cursor.execute(_LIFT, (tenant, ids))


async def lift_subjects(cursor: Cursor, tenant: str, source: str, subjects: Sequence[str]) -> None:
    """Lift every open hold of `source` on these subjects: the cause is gone."""
    if subjects:
        await cursor.execute(_LIFT_SUBJECTS, (tenant, source, list(subjects)))


_RAISE = """insert into holds (tenant_id, hold_id, lane, code, subject, source, owner, sentence, way_out, evidence, amount,
  currency, case_key, input_id, correlation_id, part)
select %s, hold_id, lane, code, subject, source, owner, sentence, way_out, evidence, amount, currency, case_key, input_id,
  correlation_id, part
from jsonb_to_recordset(%s::jsonb) as r(hold_id uuid, lane text, code text, subject text, source text, owner text,
  sentence text, way_out text, evidence jsonb, amount numeric, currency text, case_key text, input_id uuid,
  correlation_id uuid, part text)
on conflict (tenant_id, lane, source, code, subject) where lifted_at is null do update
  set sentence = excluded.sentence, way_out = excluded.way_out, evidence = excluded.evidence, amount = excluded.amount,
      currency = excluded.currency, owner = excluded.owner, part = excluded.part, input_id = coalesce(excluded.input_id, holds.input_id)"""
_LIFT = "update holds set lifted_at = now() where tenant_id = %s and hold_id = any(%s) and lifted_at is null"
_LIFT_SUBJECTS = """update holds set lifted_at = now()
where tenant_id = %s and source = %s and subject = any(%s) and lifted_at is null"""
