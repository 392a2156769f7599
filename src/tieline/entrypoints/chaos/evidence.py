"""What a run leaves behind, read once at its end: from the store, from the look-alikes, and from those who handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tieline.adapters.postgres import privileges, roles
from tieline.entrypoints.chaos.client import Yes
from tieline.entrypoints.chaos.paper import Paper
from tieline.entrypoints.chaos.stage import Stage
from tieline.entrypoints.chaos.workload import Firm

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`truth` is the ERP's own journal of what was done to it; `seen_without_tenant` counts rows per role and table."""

    papers: list[Paper]
    invoices: dict[tuple[str, int], str]
    releases: list[tuple[str, str]]
    heard: list[Yes]
    deliveries: list[Row]
    truth: list[Row]
    erp: dict[str, list[Row]]
    store: dict[str, list[Row]]
    seen_without_tenant: dict[str, int]
    reused_id: tuple[int, int]  # status of the same event id with other content; inputs that it added
    in_time: bool
    quiet_s: float


def gathered(
    stage: Stage, firm: Firm, papers: list[Paper], *, reused_id: tuple[int, int], in_time: bool, quiet_s: float
) -> Evidence:
    return Evidence(
        papers=papers, invoices=dict(firm.invoices), releases=list(firm.releases), heard=list(firm.sender.heard),
        deliveries=stage.clm.control("deliveries")["deliveries"], truth=stage.erp.journal(),
        erp={name: _all(stage, name) for name in _ERP}, store={name: rows(stage, sql) for name, sql in _STORE.items()},
        seen_without_tenant=seen_without_tenant(stage), reused_id=reused_id, in_time=in_time, quiet_s=quiet_s,
    )  # fmt: skip


def rows(stage: Stage, sql: str) -> list[Row]:
    with psycopg.connect(stage.store.admin, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(sql.encode()).fetchall()


def seen_without_tenant(stage: Stage) -> dict[str, int]:
    """T2: every component looks into every tenant's table with no tenant, and with an empty one."""
    found: dict[str, int] = {}
    for role in roles.COMPONENTS:
        with psycopg.connect(stage.store.cluster.conninfo(role), autocommit=True) as connection:
            for setting in ("unset", "empty"):
                if setting == "empty":
                    connection.execute("select set_config('tieline.tenant', '', false)")
                for table in sorted(set(privileges.MATRIX) - set(privileges.INFRASTRUCTURE)):
                    found[f"{role} {setting} {table}"] = _count(connection, table)
    return found


def _count(connection: psycopg.Connection[Any], table: str) -> int:
    try:
        row = connection.execute(f'select count(*) from "{table}"'.encode()).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return 0
    return row[0] if row else 0


def _all(stage: Stage, name: str) -> list[Row]:
    """Pages of the ERP's own query language."""
    return [dict(row) for row in stage.witness.query(_ERP[name])]


_ERP = {
    "customers": "SELECT id, externalid, companyname FROM customer",
    "projects": "SELECT id, externalid, companyname, parent FROM job",
    "elements": "SELECT id, externalid, project FROM projecttask",
    "rates": "SELECT projecttask, unitprice FROM projecttaskassignee",
    "schedules": "SELECT id, externalid FROM billingschedule",
    "time": "SELECT id, externalid, hours, rate FROM timebill",
    "invoices": "SELECT id, tranid, externalid, posting, foreigntotal FROM transaction WHERE type = 'CustInvc'",
    "ledger": "SELECT transaction, account, debit, credit FROM transactionaccountingline",
}
_STORE = {
    "inputs": "select input_id, channel, system, source_id, encode(dedup, 'hex') as dedup, correlation_id::text as correlation_id,"
    " status, reason, owner from inputs",
    "keys": "select encode(digest, 'hex') as digest from input_keys",
    "waiting": "select input_id from intake",
    "effects": "select encode(effect_key, 'hex') as key, encode(payload_hash, 'hex') as payload_hash, replica_id, kind, verb,"
    " revision, state, attempt, actor, approver, correlation_id, mapping_version, op_class from effects",
    "effect_keys": "select encode(effect_key, 'hex') as key, encode(payload_hash, 'hex') as payload_hash from effect_keys",
    "replicas": "select replica_id, kind, key, revision, confirmed_revision, status, doc, external, observed from replicas",
    "approvals": "select subject, encode(digest, 'hex') as digest from approvals where withdrawn_at is null",
    "holds": "select code, source, subject, sentence, owner, input_id from holds where lifted_at is null",
    "movements": "select kind, record_id, amount from movements",
    "records": "select kind, record_id, source_version from records",
}  # fmt: skip
