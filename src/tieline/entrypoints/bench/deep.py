"""A contract's history of very many hours, laid out as the engine would have left it: charged, sent, read back, long ago.

Every row is a copy of one that the engine made in this very store, with the names and digests of its own entry; the charges
that the engine made are compared with what would have been laid out for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, LiteralString

from tieline.domain import names
from tieline.domain.records import TimeEntry
from tieline.entrypoints.bench.filling import Admin, chunks, filler, settled, unindexed
from tieline.entrypoints.bench.ground import SYSTEM, TENANT, Ground
from tieline.entrypoints.bench.progress import Progress
from tieline.flows.parts import day_of
from tieline.kit.canonical import Json, digest, digest_of, encode, plain

TABLES = ("records", "record_history", "movements", "record_marks", "replicas", "fact_keys", "events")
_MINTED = "dev.tieline.charge.minted.v1"


async def deepen(g: Ground, lane: str, entries: Iterator[TimeEntry], size: int, progress: Progress) -> None:
    """Lay out the history of `entries`, `size` of them. The lane has some already, planned by the engine."""
    model = await _model(g, lane)
    await g.admin.execute(_STAGING)
    async with filler(g.conninfo) as admin, unindexed(admin, TABLES, size):
        await _lay_out(admin, model, entries, size, progress)
    async with filler(g.conninfo) as admin:
        await admin.execute(_LANE, {"tenant": TENANT, "lane": lane, "more": 2 * size})
        await settled(admin, (*TABLES, "lanes", "lane_dirty", "parts_due"))


async def _lay_out(
    admin: Admin, model: Mapping[str, Any], entries: Iterator[TimeEntry], size: int, progress: Progress
) -> None:
    for table, key in model["templates"].items():
        await admin.execute(_TEMPLATES[table], key)
    for first, last in chunks(size):
        async with admin.cursor().copy(_COPY) as copy:
            for entry in islice(entries, last - first + 1):
                await copy.write_row(_row(model, entry))
        for statement in _ROWS:
            await admin.execute(statement, {"tenant": TENANT, "system": SYSTEM, "seq": model["seq"] + 2 * (first - 1)})
        await admin.execute("truncate deep")
        progress.at(last)


async def _model(g: Ground, lane: str) -> dict[str, Any]:
    """What the engine made of the first entries; raises AssertionError where a layout would come out otherwise."""
    charges = await g.rows("select record_id, doc from records where lane = %s and kind = 'charge'", lane)
    entries = await g.rows("select record_id, doc from records where lane = %s and kind = 'time_entry'", lane)
    by_entry, first = {row["doc"]["time_entry_id"]: row["doc"] for row in charges}, charges[0]["doc"]
    for row in entries:
        assert by_entry[row["record_id"]] == _charge(first, row["doc"]), (
            f"{row['record_id']} would be charged otherwise"
        )
    (minted,) = await g.rows("select cause_key from movements where record_id = %s", first["id"])
    assert bytes(minted["cause_key"]) == _cause(first["time_entry_id"]), "the cause of a charge is another"
    (at,) = await g.rows("select lane_seq from lanes where lane = %s", lane)
    given = {"entry": first["time_entry_id"], "charge": first["id"], "minted": _MINTED}
    return {"charge": first, "seq": at["lane_seq"], "templates": dict.fromkeys(_TEMPLATES, given)}


def _row(model: Mapping[str, Any], entry: TimeEntry) -> Sequence[str]:
    doc = plain(entry)
    charge = _charge(model["charge"], doc)
    return (
        entry.id, day_of(doc), encode(doc).decode(), _hex(digest(doc)), charge["id"], encode(charge).decode(),
        _hex(digest(charge)), _hex(_cause(entry.id)), _hex(digest_of(_MINTED, f"charge.minted:{charge['id']}")),
    )  # fmt: skip


def _charge(of: Json, entry: Json) -> Json:
    """The charge of `entry`, which differs from that of another only in who, when and what."""
    shared = {name: entry[name] for name in ("resource_id", "work_date", "narrative")}
    return {**of, **shared, "id": names.charge_id(TENANT, entry["id"]), "time_entry_id": entry["id"]}


def _cause(entry_id: str) -> bytes:
    return digest_of(f"charge:{entry_id}")


def _hex(value: bytes) -> str:
    return f"\\x{value.hex()}"


_STAGING = """create unlogged table deep (entry_id text, part text, entry jsonb, entry_digest text, charge_id text,
  charge jsonb, charge_digest text, cause text, fact text)"""
_COPY: LiteralString = "copy deep from stdin"
# Rows of the engine's own, kept apart so that they are found while the tables have no index.
_TEMPLATES: dict[str, LiteralString] = {
    "entry": "create temp table t_entry as select * from records where record_id = %(entry)s",
    "charge": "create temp table t_charge as select * from records where record_id = %(charge)s",
    "history": "create temp table t_history as select * from record_history where record_id = %(entry)s limit 1",
    "movement": "create temp table t_movement as select * from movements where record_id = %(charge)s",
    "marks": "create temp table t_marks as select * from record_marks where record_id = %(charge)s",
    "replica": "create temp table t_replica as select * from replicas where key = %(charge)s",
    "recorded": "create temp table t_recorded as select * from events where subject = %(entry)s limit 1",
    "minted": "create temp table t_minted as select * from events where type = %(minted)s limit 1",
}
_ROWS: tuple[LiteralString, ...] = (
    """insert into records select n.* from deep d, t_entry t, jsonb_populate_record(null::records, to_jsonb(t) ||
      jsonb_build_object('record_id', d.entry_id, 'part', d.part, 'doc', d.entry, 'digest', d.entry_digest)) n""",
    """insert into records select n.* from deep d, t_charge t, jsonb_populate_record(null::records, to_jsonb(t) ||
      jsonb_build_object('record_id', d.charge_id, 'part', d.part, 'doc', d.charge, 'digest', d.charge_digest)) n""",
    """insert into record_history select n.* from deep d, t_history t, jsonb_populate_record(null::record_history,
      to_jsonb(t) || jsonb_build_object('record_id', d.entry_id, 'doc', d.entry)) n""",
    """insert into movements select n.* from deep d, t_movement t, jsonb_populate_record(null::movements,
      to_jsonb(t) || jsonb_build_object('record_id', d.charge_id, 'cause_key', d.cause)) n""",
    """insert into record_marks select n.* from deep d, t_marks t, jsonb_populate_record(null::record_marks,
      to_jsonb(t) || jsonb_build_object('record_id', d.charge_id, 'part', d.part)) n""",
    """insert into replicas select n.* from deep d, t_replica t, jsonb_populate_record(null::replicas, to_jsonb(t) ||
      jsonb_build_object('replica_id', %(system)s || '/time_charge/' || d.charge_id, 'key', d.charge_id, 'part', d.part,
        'doc', d.charge, 'digest', d.charge_digest, 'status', 'in_step', 'revision', 1, 'settled_revision', 1,
        'confirmed_revision', 1, 'observed', d.charge, 'observed_at', now(), 'external',
        jsonb_build_object('id', d.charge_id))) n""",
    "insert into fact_keys (tenant_id, cause_key) select %(tenant)s, d.fact::bytea from deep d",
    """insert into events select n.* from (select *, row_number() over () as k from deep) d, t_recorded t,
      jsonb_populate_record(null::events, to_jsonb(t) || jsonb_build_object('event_id', gen_random_uuid(),
        'subject', d.entry_id, 'lane_seq', %(seq)s + 2 * d.k - 1)) n""",
    """insert into events select n.* from (select *, row_number() over () as k from deep) d, t_minted t,
      jsonb_populate_record(null::events, to_jsonb(t) || jsonb_build_object('event_id', gen_random_uuid(),
        'subject', 'time_entry:' || d.entry_id, 'data', t.data || jsonb_build_object('id', d.charge_id),
        'lane_seq', %(seq)s + 2 * d.k)) n""",
)
_LANE: LiteralString = (
    """update lanes set lane_seq = lane_seq + %(more)s where tenant_id = %(tenant)s and lane = %(lane)s"""
)
