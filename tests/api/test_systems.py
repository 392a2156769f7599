"""Any connected system, asked in the same words, live."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from api_house import House, contract, replica, setup

from tieline.api.app import create_app
from tieline.domain.documents import LedgerLine
from tieline.kit.errors import CredentialInvalid, Throttled, Unavailable, Unknown
from tieline.kit.money import Money
from tieline.ports.limits import Allowance, Limits
from tieline.ports.systems import Envelope, ExternalRef, Observed, Operation
from tieline.sdk.capabilities import ReadsLedger


class Books(ReadsLedger):
    async def ledger_of(self, invoice: ExternalRef, legal_entity: str) -> Sequence[LedgerLine]:
        zero, amount = Money.of("0.00", "EUR"), Money.of("1200.00", "EUR")
        return [
            LedgerLine(account="1400", debit=amount, credit=zero),
            LedgerLine(account="8400", debit=zero, credit=amount),
        ]


@dataclass
class Erp:
    """A system that holds what it is told it holds."""

    holds: dict[str, dict[str, Any]]
    fails_with: Exception | None = None
    name: str = "erp"
    connector: str = "example"
    mapping_version: str = "1"
    concurrency: int = 1
    source: ReadsLedger = field(default_factory=Books)

    def operation(self, kind: str, verb: str) -> Operation | None:
        return None

    async def put(self, envelope: Envelope) -> ExternalRef:
        raise AssertionError("a question writes nothing")

    async def end(self, envelope: Envelope, how: str) -> ExternalRef:
        raise AssertionError("a question writes nothing")

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        return None

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        if self.fails_with:
            raise self.fails_with
        found = [
            (envelope.ref, self.holds.get(envelope.ref.id)) if envelope.ref else (None, None) for envelope in envelopes
        ]
        return [Observed(doc=doc, ref=ref) if ref and doc else None for ref, doc in found]


def with_erp(house: House, erp: Erp) -> House:
    contract(house, "c1")
    replica(house, "c1", "project", "prj_1", doc={"id": "prj_1", "name": "Platform", "currency": "EUR"})
    replica(house, "c1", "invoice", "inv_1", nature="movement")
    services = replace(house.services, landscape={"northwind": replace(setup("northwind"), systems={"erp": erp})})
    return replace(house, app=create_app(services))


async def test_a_read_back_shows_what_the_system_holds_otherwise_and_ignores_what_it_does_not_carry(
    house: House,
) -> None:
    live = with_erp(house, Erp({"X-prj_1": {"id": "prj_1", "name": "Changed there"}}))
    async with live.client() as http:
        found = (await http.get("/system/v1/systems/erp/project/prj_1")).json()
    assert found["differences"] == [{"name": "name", "ours": "Platform", "theirs": "Changed there"}]
    assert (found["found"], found["external"]["id"]) == (True, "X-prj_1")


async def test_what_is_gone_from_the_system_is_said_to_be_gone(house: House) -> None:
    live = with_erp(house, Erp({}))
    async with live.client() as http:
        found = (await http.get("/system/v1/systems/erp/project/prj_1")).json()
    assert (found["found"], found["observed"]) == (False, None)


async def test_M1_the_ledger_is_read_from_the_books_and_balances(house: House) -> None:
    live = with_erp(house, Erp({}))
    async with live.client() as http:
        found = (await http.get("/system/v1/systems/erp/ledger/inv_1")).json()
    assert [(line["debit"]["amount"], line["credit"]["amount"]) for line in found["lines"]] == [
        ("1200.00", "0.00"), ("0.00", "1200.00"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unavailable("The ERP does not answer."), 503, "unavailable"),
        (Throttled("The ERP asks for less.", retry_after_s=7.0), 503, "throttled"),
        (Unknown("The ERP's answer broke off."), 502, "outcome_unknown"),
        (CredentialInvalid("The ERP refuses our key."), 502, "credential_invalid"),
    ],
)
async def test_a_system_that_fails_is_a_problem_of_that_system(
    house: House, error: Exception, status: int, code: str
) -> None:
    live = with_erp(house, Erp({}, fails_with=error))
    async with live.client() as http:
        answer = await http.get("/system/v1/systems/erp/project/prj_1")
        assert (await http.get("/readyz")).status_code == 200
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "throttled":
        assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("path", ["nothing/project/prj_1", "erp/project/prj_9", "erp/ledger/inv_9", "clm/ledger/inv_1"])
async def test_what_is_not_there_is_not_found(house: House, path: str) -> None:
    live = with_erp(house, Erp({}))
    async with live.client() as http:
        assert (await http.get(f"/system/v1/systems/{path}")).status_code == 404


async def test_a_system_that_is_down_is_listed_with_since_when_and_why_even_when_it_holds_nothing(house: House) -> None:
    live = with_erp(house, Erp({}))
    house.rows("delete from replicas returning 1")
    house.seed(
        "circuits", tenant_id="northwind", system="erp", state="half_open", since="2026-03-02T08:00:00Z",
        reason="The ERP does not answer.", failures=7,
    )  # fmt: skip
    house.seed("circuits", tenant_id="southwind", system="erp", state="open", reason="not ours")
    async with live.client() as http:
        (erp,) = [one for one in (await http.get("/system/v1/systems")).json()["systems"] if one["name"] == "erp"]
    assert (erp["circuit"], erp["circuit_reason"]) == ("half_open", "The ERP does not answer.")
    assert erp["circuit_since"].startswith("2026-03-02T08:00:00")


async def test_a_budget_is_listed_with_what_is_leased_free_and_kept(house: House) -> None:
    limits = Limits(concurrency=10, daily=1000)
    firm = replace(
        setup("northwind"),
        systems={"erp": Erp({})}, allowances={"erp": Allowance(budget="account/shared", limits=limits)},
    )  # fmt: skip
    live = replace(house, app=create_app(replace(house.services, landscape={"northwind": firm})))
    async with live.client() as http:
        (unused,) = [one["budget"] for one in (await http.get("/system/v1/systems")).json()["systems"] if one["budget"]]
        house.seed(
            "budgets", budget="account/shared", day=datetime.now(UTC).date(), day_used=850, calls=900, turned_away=4,
            paused_until="2999-01-01T00:00:00Z", reason="it asks for fewer calls",
        )  # fmt: skip
        for worker, slots, until in (("w1", 3, "2999-01-01"), ("w2", 2, "2999-01-01"), ("dead", 5, "2026-01-01")):
            house.seed("budget_shares", budget="account/shared", worker_id=worker, slots=slots, wanted=9, until=until)
        (used,) = [one["budget"] for one in (await http.get("/system/v1/systems")).json()["systems"] if one["budget"]]
    assert (unused["free"], unused["leased"], unused["day"]["left"]) == (10, 0, 1000)
    assert (used["name"], used["at_once"], used["leased"], used["free"], used["workers"]) == (
        "account/shared", 10, 5, 5, 2,
    )  # fmt: skip
    assert (used["kept_for_listings"], used["turned_away"], used["reason"]) == (1, 4, "it asks for fewer calls")
    assert used["day"] == {
        "limit": 1000, "used": 850, "left": 150, "kept_from": {"census": 200, "notice": 50, "state": 20},
        "stopped": ["census"],
    }  # fmt: skip


async def test_yesterdays_quota_is_not_todays(house: House) -> None:
    limits = Limits(concurrency=2, daily=100)
    firm = replace(
        setup("northwind"), systems={"erp": Erp({})}, allowances={"erp": Allowance(budget="b", limits=limits)}
    )
    live = replace(house, app=create_app(replace(house.services, landscape={"northwind": firm})))
    house.seed("budgets", budget="b", day="2026-01-01", day_used=100)
    async with live.client() as http:
        (found,) = [one["budget"] for one in (await http.get("/system/v1/systems")).json()["systems"] if one["budget"]]
    assert (found["day"]["left"], found["day"]["stopped"], found["kept_for_listings"]) == (100, [], 0)
