"""F6, F50: many documents in one call, an outcome for each of them, and one bad row that spoils no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from kv_system import KvSystem
from stepping import Desk, change, desk

from database import Database
from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.kit.errors import Rejected, TielineError
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Snapshot
from tieline.ports.systems import Envelope, ExternalRef, Operation, OperationClass
from tieline.sdk.system import ConnectedSystem
from tieline.twins.process import Served, served

BATCH = 8


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("kv", tmp_path_factory.mktemp("kv-bulk")) as running:
        yield running


@pytest.fixture
def kv(twin: Served) -> Served:
    twin.heal()
    twin.control("reset", {})
    return twin


@dataclass
class ManyKv(KvSystem):
    """The key-value twin's batches."""

    name: str
    http: GuardedHttp
    all_or_none: bool = False
    op_class: OperationClass = OperationClass.K_PUT
    concurrency: int = 4
    calls: list[int] = field(default_factory=list)

    def operation(self, kind: str, verb: str) -> Operation | None:
        return Operation(
            kind=kind, verb="put", op_class=self.op_class, max_life=timedelta(seconds=2), batch=BATCH,
            all_or_none=self.all_or_none, observable=False,
        )  # fmt: skip

    async def put(self, envelope: Envelope) -> ExternalRef:
        told = (await self.put_many([envelope]))[envelope.key]
        if isinstance(told, TielineError):
            raise told
        return told

    async def put_many(self, envelopes: Sequence[Envelope]) -> Mapping[str, ExternalRef | TielineError]:
        self.calls.append(len(envelopes))
        items = [{"key": e.document_key, "revision": e.revision, "effect": e.key, **e.doc} for e in envelopes]
        answer = await self.http.request("POST", "/k-put/batch", json={"items": items, "all_or_none": self.all_or_none})
        if answer.status >= 400:
            raise Rejected(str(answer.body["message"]))
        keys = {e.document_key: e.key for e in envelopes}
        return {
            keys[row["key"]]: ExternalRef(id=row["id"]) if "id" in row else Rejected(row["error"]["message"])
            for row in answer.body["results"]
        }


def value_flow(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["item"].values():
        target = Target(kind="value", key=record.id, role="kv", legal_entity="E1")
        yield Desired(target=target, doc={"value": record.doc["value"], "poison": record.doc.get("poison", False)})


@asynccontextmanager
async def bulk(database: Database, kv: Served, **given: object) -> AsyncIterator[tuple[Desk, ManyKv]]:
    http = GuardedHttp(kv.url, allow_private_addresses=True)
    system = ManyKv(name="kv", http=http, **given)  # type: ignore[arg-type]
    async with desk(database, value_flow, system) as d:
        yield d, system
    await http.aclose()


async def items(d: Desk, count: int, *poison: int) -> None:
    await d.apply(*(change({"id": f"i{n:02d}", "value": str(n), "poison": n in poison}, 1) for n in range(count)))
    await d.plan()


def executed(kv: Served) -> list[str]:
    return sorted(row["natural_key"] for row in kv.journal())


async def test_due_documents_of_one_kind_go_together_and_each_keeps_its_own_effect(
    database: Database, kv: Served
) -> None:
    async with bulk(database, kv) as (d, system):
        await items(d, 20)
        await d.settle()
        effects = await d.rows("select count(distinct effect_key) as n from effects where state = 'ok'")
    assert sorted(system.calls) == [4, 8, 8]
    assert executed(kv) == [f"i{n:02d}" for n in range(20)]
    assert effects == [{"n": 20}]


async def test_F6_a_row_that_is_refused_is_held_alone(database: Database, kv: Served) -> None:
    async with bulk(database, kv) as (d, _):
        await items(d, 8, 3)
        await d.settle()
        statuses = await d.statuses()
    assert statuses.pop("i03") == "held"
    assert set(statuses.values()) == {"in_step"}


async def test_F6_rows_in_another_order_and_a_row_that_is_missing_are_told_apart(
    database: Database, kv: Served
) -> None:
    """Only what the answer does not speak of is unknown; it is repeated by its key and found done."""
    fault = {"code": "F6", "detail": {"missing": ["i02"], "shuffled": True}}
    kv.faults([{"fault": fault, "match": {"method": "POST", "nth": 1}}])
    async with bulk(database, kv) as (d, _):
        await items(d, 8)
        await d.pump()
        statuses = await d.statuses()
        refs = {
            r["key"]: r["external"]["id"]
            for r in await d.rows("select key, external from replicas where external is not null")
        }
        assert statuses.pop("i02") == "unknown"
        assert set(statuses.values()) == {"in_step"}
        assert all(key == ref for key, ref in refs.items())
        await d.rows("update due set due_at = now() returning 1")
        await d.pump()
        assert set((await d.statuses()).values()) == {"in_step"}


async def test_F50_an_all_or_none_batch_is_halved_until_the_poison_row_stands_alone(
    database: Database, kv: Served
) -> None:
    async with bulk(database, kv, all_or_none=True) as (d, system):
        await items(d, 8, 5)
        await d.settle()
        statuses = await d.statuses()
    assert system.calls[0] == 8
    assert len(system.calls) <= 7
    assert statuses.pop("i05") == "held"
    assert set(statuses.values()) == {"in_step"}
    assert executed(kv) == [f"i{n:02d}" for n in range(8) if n != 5]


async def test_D4_class_N_goes_one_by_one_whatever_the_manifest_says(database: Database, kv: Served) -> None:
    async with bulk(database, kv, op_class=OperationClass.N) as (d, system):
        await items(d, 3)
        await d.settle()
    assert system.calls == [1, 1, 1]


class Careless(sdk.Connector):
    manifest = sdk.Manifest(
        name="careless", title="Careless", owner="tests", api_version="1", roles=("erp",),
        operations={("time_charge", "put"): sdk.Operation(kind="time_charge", verb="put", op_class=sdk.OperationClass.N, batch=9)},
    )  # fmt: skip


def test_a_connector_that_declares_batches_of_class_N_is_not_connected() -> None:
    with pytest.raises(TielineError, match="goes one by one"):
        ConnectedSystem("careless", Careless(None, None, {}, {}))  # type: ignore[arg-type]
