"""Two ERPs, one of them real: a client in both, and a legal entity that moves from one to the other by configuration only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import scn_firm
from scn_erp import ErpPeople
from scn_papers import agreement, client_name, day
from stage import HubThread, Stage, executed, position, until

from conftest import Theatre
from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.tryton import TrytonWitness
from tieline.entrypoints.rehearsal import process, tryton
from tieline.twins.process import Served, served

pytestmark = pytest.mark.real
Doc = dict[str, Any]
TENANT = "northwind"


class TwoErps:
    """DE01 keeps its books in Tryton, US01 in NetSuite; `moved` is the same firm with all of it in NetSuite."""

    def __init__(self, theatre: Theatre, folder: Path, clm: Served, real: tryton.Tryton) -> None:
        place = replace(theatre.place, folder=folder)
        self.clm, self.secret = clm, place.inbox_secret
        document = scn_firm.tenant(place, clm)
        document["legal_entities"] = {
            code: {**entity, "taxes": scn_firm.TAXES["US01"]} for code, entity in scn_firm.ENTITIES.items()
        }
        del document["systems"]["netsuite"]["tax_codes"]["DE01/STANDARD"]
        key = firm.keep_secret(folder, "tryton", real.seed["key"])
        document["systems"]["tryton"] = {
            "connector": "tryton", "call_life_s": 1, **tryton.settings_from_seed(real.seed, real.url, key_ref=key),
        }  # fmt: skip
        erps = document["roles"] | {"erp": {"DE01": "tryton", "US01": "netsuite"}}
        port = process.free_port()
        self.before = scn_firm.written(place, "before", port, {TENANT: {**document, "roles": erps}})
        self.after = scn_firm.written(place, "after", port, {TENANT: document})
        self.hub = HubThread(self.before, [TENANT])

    def stage(self) -> Stage:
        return Stage(self.hub, TENANT, self.clm, self.secret)

    def move(self) -> None:
        """Stop, start with the other file: all that an administrator does."""
        self.hub.stop()
        self.hub = HubThread(self.after, [TENANT])

    def planned(self, contract: str) -> set[tuple[str, str, str, str]]:
        """What `tieline plan CONTRACT --config after.yaml` shows, beside the running hub: (action, system, kind, key)."""
        command = [
            sys.executable,
            "-m",
            "tieline.entrypoints.cli",
            "plan",
            contract,
            "--config",
            str(self.after),
            "--json",
        ]
        hub = {"TIELINE_URL": self.hub.url, "TIELINE_API_KEY": self.hub.keys[TENANT]}
        shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=os.environ | hub)
        assert shown.returncode == 0, shown.stderr
        items = json.loads(shown.stdout)["items"]
        return {(i["action"], i["system"], i["kind"], i["key"]) for i in items if i["action"] != "none"}


@pytest.fixture(scope="module")
def two_erps(theatre: Theatre, real_tryton: tryton.Tryton) -> Iterator[TwoErps]:
    with ExitStack() as stack:
        name = tempfile.TemporaryDirectory(prefix="tieline-scn-two-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(name))
        folder.chmod(0o711)
        clm = stack.enter_context(served("ironclad", folder / "clm-two"))
        running = TwoErps(theatre, folder, clm, real_tryton)
        stack.callback(lambda: running.hub.stop())
        with closing(running.stage()) as stage:
            stage.listens()
        yield running


@pytest.fixture
def books(real_tryton: tryton.Tryton) -> Iterator[TrytonWitness]:
    """Tryton, read on another road than the connector's."""
    company = real_tryton.seed["companies"]["DE01"]["id"]
    with closing(
        TrytonWitness(real_tryton.url, real_tryton.seed["keys"]["DE01"], company, real_tryton.database)
    ) as reads:
        yield reads


def test_O4_a_client_that_is_respelled_is_renamed_in_both_ERPs_once_and_then_there_is_silence(
    two_erps: TwoErps, books: TrytonWitness, erp: Served, erp_people: ErpPeople
) -> None:
    with closing(two_erps.stage()) as stage:
        german = agreement(entity="DE01")
        american = agreement(entity="US01", client=client_name(german))
        contracts = [stage.sign(german), stage.sign(american)]
        customers = [key_of(stage.until_in_step(each), "client") for each in contracts]
        start, respelled = position(erp), client_name(german).upper()
        stage.correct(german, counterpartyName=respelled)
        until("the name in Tryton", lambda: books.parties(respelled))
        until("the name in NetSuite", lambda: erp_people.witness.customer(respelled))
        for each in contracts:
            stage.until_in_step(each)
        assert len(books.parties(respelled)) == 1 and books.parties(client_name(german)) == []
        stage.signed(german)  # the CLM says it again: nothing is new
        until(
            "the repeat",
            lambda: all(d["state"] == "delivered" for d in two_erps.clm.control("deliveries")["deliveries"]),
        )
        for each in contracts:
            stage.until_in_step(each)
        assert executed(erp, start) == [("update", "customer", customers[1])]


def test_a_legal_entity_moves_to_another_ERP_by_configuration_and_its_books_stay_where_they_are(
    two_erps: TwoErps, books: TrytonWitness, erp: Served, erp_people: ErpPeople
) -> None:
    with closing(two_erps.stage()) as stage:
        paper = agreement(entity="DE01")
        contract = stage.sign(paper)
        stage.until_in_step(contract)
        stage.approve_hours(contract, "8", day(-5), who="res_ada")
        stage.until_charged(contract, 1)
        posted = stage.billed(contract)
        stage.approve_hours(contract, "4", day(-3), who="res_ada")
        stage.until_charged(contract, 2)
        before = stage.until_in_step(contract)
        figures = books.counts()
        assert stage.ledger("tryton", posted["id"]).values(), "posted in the real ledger"
    billed = {charge for line in posted["document"]["lines"] for charge in line["charge_ids"]}
    left = {r["key"] for r in before["replicas"] if r["kind"] == "time_charge"} - billed
    shells = [r for r in before["replicas"] if r["kind"] in ("client", "project", "work_element", "billing_rule")]
    expected = {("create", "netsuite", r["kind"], r["key"]) for r in shells}
    expected |= {("create", "netsuite", "time_charge", key) for key in left}
    assert two_erps.planned(contract) == expected and len(expected) == 5
    start = position(erp)
    two_erps.move()
    with closing(two_erps.stage()) as stage:

        def moved() -> Doc | None:
            seen = stage.contract(contract)
            there = {r["key"] for r in seen["replicas"] if r["system"] == "netsuite" and r["status"] == "in_step"}
            return seen if there == {key for _, _, _, key in expected} else None

        until("everything in NetSuite", moved)
        seen = stage.until_in_step(contract)
        assert frozen(seen) == frozen(before), "what Tryton holds is as it was"
        assert books.counts() == figures
        assert len(seen["invoices"]) == 1 and stage.ledger("tryton", posted["id"]).values()
        (customer,) = erp_people.witness.customer(client_name(paper))
        assert erp_people.witness.invoices(customer["id"]) == [], "what Tryton has posted is not posted again"
        second = stage.billed(contract)
        assert stage.ledger("netsuite", second["id"]) == {"1200": "960.00", "4001": "-800.00", "2200": "-160.00"}
        keys = {key for _, _, _, key in expected} | {second["id"]}
        creates = [key for operation, _, key in executed(erp, start) if operation == "create" and key in keys]
        assert sorted(creates) == sorted(keys), "each exactly once"
        assert books.counts() == figures


def key_of(contract: Doc, kind: str) -> str:
    return next(str(r["key"]) for r in contract["replicas"] if r["kind"] == kind)


def frozen(contract: Doc) -> dict[str, tuple[str, int]]:
    return {r["replica_id"]: (r["status"], r["revision"]) for r in contract["replicas"] if r["system"] == "tryton"}
