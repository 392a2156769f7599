"""After a call whose answer was lost and that nobody can ask about: a person looks and says what is there (D4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from api_house import House, contract, hold
from psycopg_pool import AsyncConnectionPool

from database import Database
from tieline.adapters.cipher import AesCipher
from tieline.adapters.postgres import roles
from tieline.api.app import create_app
from tieline.engine.commands import EngineCommands
from tieline.engine.shards import shard_of
from tieline.engine.worker import Worker
from tieline.kit.errors import Rejected, Unknown
from tieline.ports.decisions import Decision, Desired, Target
from tieline.ports.flows import Flow, Snapshot
from tieline.ports.systems import Envelope, ExternalRef, Observed, Operation, OperationClass

TENANT, LANE = "northwind", "contract:c1"


@dataclass
class Books:
    """A system whose call may neither be repeated nor looked up. The first answer is lost, before or after the effect."""

    took_effect: bool
    error: type[Exception] = Unknown
    name: str = "erp"
    connector: str = "books"
    mapping_version: str = "1"
    concurrency: int = 1
    calls: int = 0
    held: dict[str, Any] = field(default_factory=dict)

    def operation(self, kind: str, verb: str) -> Operation | None:
        life = timedelta(seconds=2)
        return Operation(kind=kind, verb="put", op_class=OperationClass.N, consistency_window=life, max_life=life)

    async def put(self, envelope: Envelope) -> ExternalRef:
        self.calls += 1
        if self.calls > 1 or self.took_effect:
            self.held[envelope.document_key] = envelope.doc
        if self.calls == 1:
            raise self.error("the answer was lost")
        return ExternalRef(id=f"B-{envelope.document_key}")

    async def end(self, envelope: Envelope, how: str) -> ExternalRef:
        raise Rejected("nothing ends here")

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        raise Rejected("nothing can be looked up here")

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        return [
            Observed(doc=self.held[e.document_key], ref=e.ref) if e.ref and e.document_key in self.held else None
            for e in envelopes
        ]


def decide(snapshot: Snapshot) -> Iterator[Decision]:
    for record in snapshot.records["contract"].values():
        target = Target(kind="entry", key=record.id, role="erp", legal_entity="DE01")
        yield Desired(target=target, doc={"title": record.doc["title"]})


@dataclass
class Firm:
    house: House
    worker: Worker

    async def comes_to_rest(self) -> None:
        for _ in range(12):
            while await self.worker.planner.round():
                pass
            await self.worker.pump.claim()
            await self.worker.pump.drain()
            if not self.house.rows("select 1 from due where due_at <= now() union all select 1 from lane_dirty"):
                return
        raise AssertionError("it does not come to rest")

    def status(self) -> str:
        return str(self.house.rows("select status from replicas")[0][0])

    def the_hold(self, code: str) -> UUID:
        [(hold_id, found)] = self.house.rows("select hold_id, code from holds where lifted_at is null")
        assert found == code
        return UUID(str(hold_id))

    async def order(self, path: str, body: Any, key: str = "k-1") -> Any:
        async with self.house.client() as http:
            return await http.post(f"/process/v1{path}", json=body, headers={"idempotency-key": key})

    async def operation(self, answer: Any) -> Any:
        async with self.house.client() as http:
            found = await http.get(answer.headers["location"])
        assert found.status_code == 200, found.text
        return found.json()


@pytest.fixture
def books() -> Books:
    return Books(took_effect=True)


@pytest.fixture
async def firm(house: House, database: Database, books: Books) -> AsyncIterator[Firm]:
    """The API of the house with a worker moved by hand, and one contract that wants one entry in the books."""
    flow = Flow(name="contract", root="contract", decide=decide, owner="pmo", within=timedelta(hours=1))
    setup = replace(
        house.services.landscape[TENANT], systems={"erp": books}, flows=(flow,), route=lambda role, entity: "erp"
    )
    landscape = {**house.services.landscape, TENANT: setup}
    commands = EngineCommands(house.services.pool, landscape, lambda: datetime.now(UTC))
    app = create_app(replace(house.services, landscape=landscape, commands=commands))
    conninfo = database.conninfo(roles.WORKER)
    contract(house, "c1")
    house.seed("lane_dirty", tenant_id=TENANT, lane=LANE, shard=shard_of(LANE))
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        conninfo, min_size=1, max_size=4, open=False, kwargs={"autocommit": True}
    )
    async with pool:
        worker = Worker(pool, conninfo, landscape, AesCipher(b"k" * 32), lambda: datetime.now(UTC), "w1", 60.0)
        async with pool.connection() as connection:
            await worker.leases.beat(connection, "here", frozenset())
        running = Firm(house=replace(house, app=app), worker=worker)
        await running.comes_to_rest()
        yield running
        await worker.pump.drain()


async def test_D4_a_document_that_a_person_found_counts_as_written_and_is_never_sent_again(
    firm: Firm, books: Books
) -> None:
    stuck = firm.the_hold("AMBIGUOUS")
    answer = await firm.order(f"/holds/{stuck}/settle", {"external_id": "B-4711"})
    assert (answer.status_code, answer.json()["status"]) == (202, "written")
    assert (await firm.operation(answer))["state"] == "running"
    await firm.comes_to_rest()
    assert (firm.status(), books.calls) == ("in_step", 1)
    assert firm.house.rows("select external->>'id' from replicas") == [("B-4711",)]
    assert (await firm.operation(answer))["state"] == "done"


async def test_who_said_what_was_seen_is_in_the_journal(firm: Firm) -> None:
    stuck = firm.the_hold("AMBIGUOUS")
    answer = await firm.order(f"/holds/{stuck}/settle", {"external_id": "B-4711"})
    kept = firm.house.rows(
        "select correlation_id::text, actor, data->>'external_id' from events where type = 'dev.tieline.hold.settled.v1'"
    )
    [(principal,)] = firm.house.rows("select principal_id from principals where tenant_id = 'northwind'")
    assert kept == [(answer.json()["operation_id"], principal, "B-4711")]


@pytest.mark.parametrize("books", [Books(took_effect=False)], ids=["nothing-happened"])
async def test_D4_what_certainly_did_not_happen_is_sent_once_more(firm: Firm, books: Books) -> None:
    stuck = firm.the_hold("AMBIGUOUS")
    answer = await firm.order(f"/holds/{stuck}/settle", {"happened": False})
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    await firm.comes_to_rest()
    assert (firm.status(), books.calls) == ("in_step", 2)
    assert firm.house.rows("select external->>'id' from replicas") == [("B-c1",)]


async def test_settling_twice_with_one_key_is_one_settling_and_with_another_there_is_nothing_left(
    firm: Firm, books: Books
) -> None:
    stuck = firm.the_hold("AMBIGUOUS")
    said = {"external_id": "B-4711"}
    first, again = [await firm.order(f"/holds/{stuck}/settle", said) for _ in range(2)]
    other = await firm.order(f"/holds/{stuck}/settle", said, key="k-2")
    assert again.json() == first.json() and again.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [{}, {"external_id": "B-1", "happened": False}, {"happened": True}, {"external_id": ""}, {"external_id": "a\nb"}],
)
async def test_exactly_one_finding_is_taken_and_anything_else_changes_nothing(firm: Firm, body: Any) -> None:
    stuck = firm.the_hold("AMBIGUOUS")
    answer = await firm.order(f"/holds/{stuck}/settle", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "rejected")
    assert answer.json()["errors"]
    assert (firm.the_hold("AMBIGUOUS"), firm.status()) == (stuck, "ambiguous")


async def test_only_an_ambiguous_hold_can_be_settled(house: House) -> None:
    contract(house, "c1")
    other = hold(house, "c1")
    async with house.client() as http:
        answer = await http.post(
            f"/process/v1/holds/{other}/settle", json={"happened": False}, headers={"idempotency-key": "k"}
        )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_X6_the_hold_of_another_firm_is_not_there(firm: Firm) -> None:
    stuck = firm.the_hold("AMBIGUOUS")
    async with firm.house.client("southwind") as http:
        answer = await http.post(
            f"/process/v1/holds/{stuck}/settle", json={"happened": False}, headers={"idempotency-key": "k"}
        )
    assert answer.status_code == 404 and firm.status() == "ambiguous"


@pytest.mark.parametrize("books", [Books(took_effect=False, error=Rejected)], ids=["refused"])
async def test_a_retry_is_followed_as_an_operation_until_what_it_released_is_in_step(firm: Firm, books: Books) -> None:
    stuck = firm.the_hold("REJECTED")
    answer = await firm.order(f"/holds/{stuck}/retry", {})
    assert (answer.status_code, answer.json()["released"]) == (202, 1)
    assert (await firm.operation(answer))["state"] == "running"
    await firm.comes_to_rest()
    assert (await firm.operation(answer))["state"] == "done" and firm.status() == "in_step"


async def test_a_retry_of_a_contract_that_stays_ambiguous_is_an_operation_that_is_blocked(firm: Firm) -> None:
    answer = await firm.order("/contracts/c1/retry", {})
    await firm.comes_to_rest()
    followed = await firm.operation(answer)
    assert followed["state"] == "blocked" and [each["code"] for each in followed["holds"]] == ["AMBIGUOUS"]
