"""Drift of every class, planted in NetSuite's look-alike behind the hub's back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from census_firm import TENANT, Firm, client

from tieline import sdk
from tieline.kit.canonical import digest
from tieline.twins.process import Served

EACH = 8


async def plant(firm: Firm, twin: Served, clients: list[sdk.Client]) -> dict[str, str]:
    """Drift of every class; returns key -> class."""
    edited, deleted, lost, twice, stale = (clients[n * EACH : (n + 1) * EACH] for n in range(5))
    wire: Any = firm.system.source._wire  # type: ignore[attr-defined]
    for each in edited:
        await wire.change("customer", f"eid:{each.id}", {"companyName": f"{each.name} Inc"})
    for each in [*deleted, *lost]:
        await wire.delete("customer", f"eid:{each.id}")
    for each in twice:
        twin.control("copy", {"kind": "customer", "address": f"eid:{each.id}"})
    for each in stale:
        await sent_before(firm, each)
    strangers = [client(900_000 + n) for n in range(EACH)]
    await firm.put("client", strangers)
    planted: Mapping[str, list[sdk.Client]] = {
        "differs": edited, "missing": [*deleted, *lost], "duplicate": twice, "stale": stale, "orphan": strangers,
    }  # fmt: skip
    return {each.id: kind for kind, some in planted.items() for each in some}


async def sent_before(firm: Firm, old: sdk.Client | sdk.Project, kind: str = "client") -> None:
    """The hub sent `old` first and a new name since; the old call was executed last."""
    await firm.rows(
        "insert into effects (tenant_id, intended_at, effect_key, replica_id, lane, system, kind, verb, op_class, revision,"
        " payload_hash, state, worker, epoch, mapping_version, config_version, actor) values (%s, now(), %s, %s, 'l', 'erp',"
        " %s, 'put', 'K-put', 1, %s, 'ok', 'w', 1, '1', 'c1', 'hub') returning 1",
        TENANT, digest(old.id), f"erp/{kind}/{old.id}", kind, digest(sdk.plain(old)),
    )  # fmt: skip
    await firm.plan(kind, [replace(old, name=f"{old.name} renamed")], revision=2)
    await firm.rows("update replicas set updated_at = now() - interval '1 hour', observed_at = now() - interval '1 hour'"
                    " where key = %s returning 1", old.id)  # fmt: skip
