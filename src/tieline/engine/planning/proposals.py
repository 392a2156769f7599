"""Plans that wait for a person: stored whole, bound to a digest, applied exactly or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tieline.engine.planning.difference import Item, describe_item, gate_digest
from tieline.engine.planning.lane_plan import LanePlan
from tieline.engine.rows import Cursor, Row, write
from tieline.kit.ids import stable_id
from tieline.ports.landscape import TenantSetup

PLAN_PROPOSED = "dev.tieline.plan.proposed.v1"
PLAN_APPLIED = "dev.tieline.plan.applied.v1"
Journal = Callable[[LanePlan, str, str, dict[str, Any]], None]


async def store_proposals(cursor: Cursor, setup: TenantSetup, plans: Sequence[LanePlan], journal: Journal) -> None:
    """New proposals are kept, approved ones are marked applied, those that no longer fit become stale."""
    proposed = [proposal(setup, plan, gate, items) for plan in plans for gate, items in plan.proposed.items()]
    states = [{"plan_id": row["plan_id"], "state": "stale"} for plan in plans for row in plan.stale]
    states += [{"plan_id": row["plan_id"], "state": "applied"} for plan in plans for row in plan.approved]
    for plan in plans:
        for gate, items in plan.proposed.items():
            plan_id = proposal(setup, plan, gate, items)["plan_id"]
            journal(plan, PLAN_PROPOSED, plan_id, {"plan_id": plan_id, "gate": gate, "changes": len(items)})
        for row in plan.approved:
            journal(
                plan,
                PLAN_APPLIED,
                row["plan_id"],
                {"plan_id": row["plan_id"], "gate": row["gate"], "by": row["decided_by"]},
            )
    await write(cursor, _STATE, states, setup.tenant)
    await write(cursor, _PROPOSE, proposed, setup.tenant)


def proposal(setup: TenantSetup, plan: LanePlan, gate: str, items: Sequence[Item]) -> Row:
    """The stored form of a plan; its id follows from its content and the lane's version."""
    digest, lane = gate_digest(items), plan.state.lane
    return {
        "plan_id": stable_id("pln", setup.tenant, lane["lane"], gate, digest.hex(), str(lane["wanted"])),
        "lane": lane["lane"], "gate": gate, "digest": digest.hex(),
        "items": [describe_item(item) for item in sorted(items, key=lambda i: i.wanted.replica_id)],
        "lane_version": lane["wanted"], "config_version": setup.config_version, "correlation_id": lane["correlation_id"],
    }  # fmt: skip


_STATE = """update plans p set state = r.state
from (select %s::text as tenant_id, x.* from jsonb_to_recordset(%s::jsonb) as x(plan_id text, state text)) r
where p.tenant_id = r.tenant_id and p.plan_id = r.plan_id"""
_PROPOSE = """insert into plans (tenant_id, plan_id, lane, gate, digest, items, state, lane_version, config_version,
  correlation_id)
select %s, plan_id, lane, gate, decode(digest, 'hex'), items, 'proposed', lane_version, config_version, correlation_id
from jsonb_to_recordset(%s::jsonb) as r(plan_id text, lane text, gate text, digest text, items jsonb, lane_version bigint,
  config_version text, correlation_id uuid)
on conflict (tenant_id, plan_id) do update set state = 'proposed', decided_by = null, decided_at = null"""
