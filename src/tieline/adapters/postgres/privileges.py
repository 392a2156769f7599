"""Who may do what, as one table. Everything not written here is refused; `tests/security` tries every cell (X9).

Letters: S select, I insert, U update, D delete. Partitions are reached through their parents only.
"""

from __future__ import annotations

from collections.abc import Mapping

from tieline.adapters.postgres.roles import API, EDGE, OWNER, SCHEDULER, WORKER

VERBS = {"S": "select", "I": "insert", "U": "update", "D": "delete"}

# Tables without tenant_id: who works on which shard, and rules of housekeeping. No tenant's words.
INFRASTRUCTURE = (
    "workers", "shards", "duties", "duty_epochs", "watches", "budgets", "budget_shares", "retention", "schema_security", "schema_changes",
    "alembic_version", "business_clock", "clock_moves",
)  # fmt: skip

MATRIX: Mapping[str, Mapping[str, str]] = {
    "tenants": {EDGE: "S", WORKER: "S", API: "SIU", SCHEDULER: "S"},
    "principals": {API: "SIU"},
    "idempotency": {EDGE: "SIU", API: "SIUD", SCHEDULER: "SD"},
    "input_keys": {EDGE: "SI", WORKER: "SI", API: "SI", SCHEDULER: "SI"},
    "inputs": {EDGE: "SI", WORKER: "SIU", API: "SIU", SCHEDULER: "SI"},
    "intake": {EDGE: "SI", WORKER: "SIUD", API: "SIU", SCHEDULER: "SI"},
    "cursors": {WORKER: "SIU", API: "S", SCHEDULER: "SIU"},
    "records": {WORKER: "SIU", API: "S", SCHEDULER: "S"},
    "record_history": {WORKER: "SI", API: "S", SCHEDULER: "S"},
    "movements": {WORKER: "SI", API: "S", SCHEDULER: "S"},
    "events": {WORKER: "SI", API: "SI", SCHEDULER: "SI"},
    "fact_keys": {WORKER: "SI", API: "SI", SCHEDULER: "SI"},
    "unsealed": {WORKER: "I", API: "SI", SCHEDULER: "SID"},
    "seals": {API: "S", SCHEDULER: "SI"},
    "sealed_lanes": {API: "S", SCHEDULER: "SIU"},
    "feed_heads": {API: "S", SCHEDULER: "SIU"},
    "feed_epochs": {WORKER: "S", API: "S", SCHEDULER: "SI"},
    "lanes": {WORKER: "SIU", API: "SIU", SCHEDULER: "SU"},
    "lane_dirty": {WORKER: "SID", API: "SI", SCHEDULER: "SI"},
    "dependencies": {WORKER: "SIUD", API: "S", SCHEDULER: "S"},
    "parts_due": {WORKER: "SIUD", API: "S", SCHEDULER: "S"},
    "record_marks": {WORKER: "SID", API: "S", SCHEDULER: "S"},
    "fanouts": {WORKER: "SIUD", API: "S", SCHEDULER: "S"},
    "replicas": {WORKER: "SIU", API: "SU", SCHEDULER: "SU"},
    "waits": {WORKER: "SIUD", API: "S", SCHEDULER: "S"},
    "due": {WORKER: "SIUD", API: "SIU", SCHEDULER: "SIU"},
    "effect_keys": {WORKER: "SI", API: "S"},
    "effects": {WORKER: "SIU", API: "SU", SCHEDULER: "S"},
    "approvals": {WORKER: "S", API: "SIU", SCHEDULER: "S"},
    "plans": {WORKER: "SIU", API: "SIU", SCHEDULER: "S"},
    "holds": {WORKER: "SIU", API: "SIU", SCHEDULER: "SIU"},
    "pools": {WORKER: "SIU", API: "S", SCHEDULER: "S"},
    "pool_periods": {WORKER: "SIU", API: "S", SCHEDULER: "S"},
    "pool_draws": {WORKER: "SIU", API: "S", SCHEDULER: "S"},
    "pool_movements": {WORKER: "SI", API: "S", SCHEDULER: "S"},
    "census_runs": {API: "SIU", SCHEDULER: "SIU"},
    "census_seen": {SCHEDULER: "SIUD"},
    "census_drift": {API: "SU", SCHEDULER: "SIU"},
    "endpoints": {API: "SIU", SCHEDULER: "SU"},
    "endpoint_secrets": {API: "SIU", SCHEDULER: "S"},
    "replays": {API: "SI", SCHEDULER: "SU"},
    "deliveries": {API: "SIU", SCHEDULER: "SIUD"},
    "delivery_attempts": {API: "S", SCHEDULER: "SI"},
    "workers": {WORKER: "SIUD", API: "S", SCHEDULER: "SIUD"},
    "shards": {WORKER: "SU", API: "S", SCHEDULER: "S"},
    "schedules": {SCHEDULER: "SIU", API: "S"},
    "schedule_dues": {SCHEDULER: "SI", API: "S"},
    "business_clock": {WORKER: "S", API: "SU", SCHEDULER: "SU"},
    "clock_moves": {WORKER: "S", API: "S", SCHEDULER: "SI"},
    "duties": {SCHEDULER: "SIU", API: "S"},
    "duty_epochs": {SCHEDULER: "SIU"},
    "watches": {SCHEDULER: "SIU", API: "S"},
    "budgets": {WORKER: "SIU", API: "S", SCHEDULER: "SIU"},
    "budget_shares": {WORKER: "SIUD", API: "S", SCHEDULER: "SIUD"},
    "circuits": {WORKER: "SIU", API: "S", SCHEDULER: "SIU"},
    "circuit_changes": {WORKER: "SI", API: "S", SCHEDULER: "SI"},
    "retention": {SCHEDULER: "S", API: "S"},
    "schema_changes": {EDGE: "S", WORKER: "S", API: "S", SCHEDULER: "S"},  # may this code work here?
    "schema_security": {EDGE: "S", WORKER: "S", API: "S", SCHEDULER: "S"},
    "alembic_version": {API: "S"},  # `tieline doctor` names it
}

# What tieline_claims may read across tenants: keys and dates, nothing that a tenant wrote.
CLAIMS_READS: Mapping[str, tuple[str, ...]] = {
    "lane_dirty": ("tenant_id", "dirty_id", "lane", "shard"),
    "lanes": ("tenant_id", "lane", "shard", "wake_at"),
    "due": ("tenant_id", "replica_id", "system", "shard", "step", "due_at", "priority"),
    "replicas": ("tenant_id", "replica_id", "shard"),
    "intake": ("tenant_id", "input_id", "received_at", "shard", "due_at"),
    "inputs": ("tenant_id", "received_at", "input_id", "system"),
    "effects": ("tenant_id", "intended_at", "effect_key", "replica_id", "state", "settle_after", "correlation_id"),
    "principals": ("tenant_id", "principal_id", "name", "scopes", "key_hash", "expires_at", "revoked_at"),
    "holds": ("tenant_id", "lifted_at", "input_id", "correlation_id"),
    "events": ("tenant_id", "recorded_at", "correlation_id"),
    "record_history": ("tenant_id", "recorded_at", "input_id"),
    "circuits": ("tenant_id", "system", "state", "reason", "failures", "probe_at"),
    "unsealed": ("tenant_id", "lane", "lane_seq", "recorded_at"),
    "feed_heads": ("tenant_id", "epoch", "position", "hash", "signed_epoch", "signed_position", "unsigned_since"),
    "endpoints": ("tenant_id", "endpoint_id", "state", "position", "failures", "next_at"),
    "deliveries": ("tenant_id", "endpoint_id", "due_at", "own"),
    "replays": ("tenant_id", "endpoint_id", "position", "until_position", "finished_at"),
}

# Functions of ours that run with the caller's own rights: shared steps, no way across tenants.
OWN_RIGHTS = ("renew_budgets", "leave_budgets", "turn_circuit", "take_probe")

FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "claim_dirty(smallint[], int)": (WORKER,),
    "claim_wakes(smallint[], timestamptz, int)": (WORKER, SCHEDULER),
    "claim_due(smallint[], int, text[], text[], jsonb)": (WORKER,),
    "open_circuits()": (WORKER, SCHEDULER),
    "renew_budgets(text, numeric, jsonb, timestamptz)": (WORKER, SCHEDULER),
    "leave_budgets(text)": (WORKER, SCHEDULER),
    "turn_circuit(text, text, text, text, text, numeric)": (WORKER, SCHEDULER),
    "take_probe(text, text, text, numeric)": (WORKER, SCHEDULER),
    "claim_intake(smallint[], int, uuid[])": (WORKER,),
    "unsettled(smallint[])": (WORKER,),
    "authenticate(bytea)": (EDGE, API),
    "tenant_backlog()": (API, WORKER, SCHEDULER),
    "ensure_partitions(timestamptz)": (SCHEDULER,),
    "month_in_use(text, timestamptz, timestamptz)": (OWNER,),
    "expired_partitions(timestamptz)": (API, SCHEDULER),
    "drop_expired_partitions(timestamptz)": (SCHEDULER,),
    "claim_unsealed()": (SCHEDULER,),
    "unsealed_queue()": (API,),
    "unsigned_heads()": (SCHEDULER,),
    "endpoints_due(timestamptz)": (SCHEDULER,),
}
