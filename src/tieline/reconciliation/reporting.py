"""What was found becomes holds, one case per cause, or what the firm says a deletion means; too much at once stops and asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from tieline.engine.holds import NewHold, raise_holds
from tieline.engine.lanes import wake
from tieline.engine.pumps.outcomes import lanes_concerned
from tieline.engine.rows import Cursor, Row, write
from tieline.ports.landscape import Cadence, TenantSetup
from tieline.reconciliation.repairing import recreate
from tieline.reconciliation.runs import Run, move

BATCH = 200
CODES = {
    "missing": "DRIFT_MISSING", "orphan": "DRIFT_ORPHAN", "differs": "DRIFT_DIFFERS", "duplicate": "DRIFT_DUPLICATE",
    "stale": "DRIFT_STALE",
}  # fmt: skip
TOO_MANY = "DRIFT_TOO_MUCH"
BY_CENSUS = "census"


async def report(cursor: Cursor, setup: TenantSetup, run: Run) -> int:
    """Tell the next findings. 0 when all are told, or when there are so many that a person is asked first."""
    cadence = setup.census.get((run.system, run.kind), Cadence())
    if run.allowed_by is None and (sentence := await _too_many(cursor, run, cadence)):
        await raise_holds(cursor, run.tenant, [_stop(setup, run, sentence)])
        await move(cursor, run, state="stopped", problem=sentence)
        return 0
    await cursor.execute(_FOUND, (run.tenant, run.run_id, BATCH))
    found = await cursor.fetchall()
    if not found:
        await _lift_what_is_over(cursor, run)
        await move(cursor, run, state="clearing")
        return 0
    await _tell(cursor, setup, run, cadence, found)
    await move(cursor, run)
    return len(found)


async def _too_many(cursor: Cursor, run: Run, cadence: Cadence) -> str | None:
    await cursor.execute(_MISSING, (run.tenant, run.run_id))
    row = await cursor.fetchone()
    missing = int(row["missing"]) if row else 0
    limit = min(cadence.retract_max, max(5, round(run.compared * cadence.retract_share)))
    if missing <= limit:
        return None
    return (
        f"{missing} of {run.compared} documents of the kind {run.kind} are gone from {run.system}, more than the {limit} "
        "that may go unasked: nothing was changed."
    )


async def _tell(cursor: Cursor, setup: TenantSetup, run: Run, cadence: Cadence, found: Sequence[Row]) -> None:
    by_choice = [d for d in found if _choice(d, cadence) != "hold"]
    strangers = [d for d in found if d["class"] == "orphan" or d["revision"] is None]
    held = [d for d in found if d not in by_choice and d not in strangers]
    await write(cursor, _DIFFER, [_problem(d) for d in held], run.tenant)
    differ = {row["replica_id"]: row for row in await cursor.fetchall()} if held else {}
    holds = [_hold(setup, run, d, differ.get(d["replica_id"])) for d in [*held, *strangers]]
    await raise_holds(cursor, run.tenant, holds)
    await wake(cursor, run.tenant, await lanes_concerned(cursor, run.tenant, list(differ.values())))
    ids = [d["replica_id"] for d in by_choice]
    if ids and cadence.missing == "recreate":
        await recreate(cursor, setup, ids, BY_CENSUS, None)
    elif ids:
        await cursor.execute(_LET_GO, (run.tenant, ids))
    states = {True: "repaired" if cadence.missing == "recreate" else "accepted", False: "told"}
    told = [{"replica_id": d["replica_id"], "state": states[d in by_choice]} for d in found]
    await write(cursor, _TOLD, told, run.tenant, run.run_id)


def _choice(drift: Row, cadence: Cadence) -> str:
    """Only missing state is made again or let go by itself: whoever deletes a movement or an act is asked."""
    return cadence.missing if drift["class"] == "missing" and drift["nature"] == "state" else "hold"


def _problem(drift: Row) -> dict[str, Any]:
    return {"replica_id": drift["replica_id"], "problem": {"code": CODES[drift["class"]], "detail": sentence_of(drift)}}


def sentence_of(drift: Row) -> str:
    """What a person reads: the document, what is wrong with it, and no more than the fields that show it."""
    name = drift["replica_id"].partition("/")[2].replace("/", " ")
    match drift["class"]:
        case "missing":
            return f"{name} was there and is certainly gone."
        case "orphan":
            return f"{name} bears our mark and nothing of ours wants it there."
        case "duplicate":
            return f"{name} is there {len(drift['external'] or [])} times, and nothing may be billed on a double."
        case "stale":
            return f"{name} holds what was sent before the newest change: an old call was executed late, or a backup restored."
    shown = ", ".join(f"{f} is {v['seen']}, planned {v['planned']}" for f, v in _wrong(drift))
    return f"{name} was changed there: {shown}"


def _wrong(drift: Row) -> list[tuple[str, Any]]:
    """The differing fields that are ours to set."""
    return sorted((name, value) for name, value in (drift["fields"] or {}).items() if not value.get("theirs"))


def _hold(setup: TenantSetup, run: Run, drift: Row, replica: Row | None) -> NewHold:
    told_of = drift["revision"] is None and drift["class"] == "missing"  # a record of a source, not a document of ours
    code = "SOURCE_GONE" if told_of else CODES[drift["class"]]
    advice = setup.advise(code)
    fields = [name for name, _ in _wrong(drift)] if drift["class"] in ("differs", "stale") else []
    doc = replica["doc"] if replica else {}
    amount = doc.get("total") or doc.get("amount") or {}
    return NewHold(
        lane=(replica["planned_by"] or replica["lane"]) if replica else drift["lane"] or f"system:{run.system}",
        source="push" if replica else "engine", code=code, subject=drift["replica_id"],
        owner=advice.owner, sentence=f"{run.system}: {sentence_of(drift)}", way_out=advice.way_out,
        evidence={"run_id": str(run.run_id), "fields": drift["fields"], "external": drift["external"]},
        amount=amount.get("amount"), currency=amount.get("currency"),
        case_key="/".join([code, run.system, run.kind, *fields]),
    )  # fmt: skip


def _stop(setup: TenantSetup, run: Run, sentence: str) -> NewHold:
    advice = setup.advise(TOO_MANY)
    return NewHold(
        lane=f"system:{run.system}", source="engine", code=TOO_MANY, subject=run.prefix.rstrip("/"), owner=advice.owner,
        sentence=sentence, way_out=advice.way_out, evidence={"run_id": str(run.run_id)},
        case_key=f"{TOO_MANY}/{run.system}/{run.kind}",
    )  # fmt: skip


async def _lift_what_is_over(cursor: Cursor, run: Run) -> None:
    """Strangers that a whole listing did not meet again are gone; a whole listing that did not stop ends a stop."""
    if run.mode == "full":
        values = {"tenant": run.tenant, "run": run.run_id, "prefix": run.prefix, "population": run.prefix.rstrip("/")}
        await cursor.execute(_LIFT, values)


_MISSING: LiteralString = """select count(*) filter (where class = 'missing' and state in ('found', 'told', 'accepted', 'repaired'))
  as missing from census_drift where tenant_id = %s and run_id = %s"""
_FOUND: LiteralString = """select * from census_drift where tenant_id = %s and run_id = %s and state = 'found'
order by replica_id limit %s"""
_DIFFER: LiteralString = """update replicas p set status = 'differs', problem = r.problem, updated_at = now()
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text, problem jsonb)) r
where p.tenant_id = r.tenant_id and p.replica_id = r.replica_id and p.status in ('in_step', 'differs')
returning p.replica_id, p.lane, p.planned_by, p.doc"""
_LET_GO: LiteralString = """update replicas set status = 'ended', ended = 'leave', next_actor = 'nobody', updated_at = now()
where tenant_id = %s and replica_id = any(%s) and status in ('in_step', 'differs')"""
_TOLD: LiteralString = """update census_drift d set state = r.state
from (select %s::text as tenant_id, %s::uuid as run_id, x.* from jsonb_to_recordset(%s::jsonb) as x(replica_id text,
  state text)) r where d.tenant_id = r.tenant_id and d.run_id = r.run_id and d.replica_id = r.replica_id"""
_LIFT: LiteralString = """update holds h set lifted_at = now()
where h.tenant_id = %(tenant)s and h.source = 'engine' and h.lifted_at is null
  and ((h.code in ('DRIFT_ORPHAN', 'SOURCE_GONE') and starts_with(h.subject, %(prefix)s) and not exists (
    select 1 from census_drift d where d.tenant_id = h.tenant_id and d.run_id = %(run)s and d.replica_id = h.subject
      and d.state in ('found', 'told', 'unchecked')))
  or (h.code = 'DRIFT_TOO_MUCH' and h.subject = %(population)s))"""
