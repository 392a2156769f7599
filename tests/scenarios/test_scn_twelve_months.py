"""Twelve months of a contract in a minute: `tieline up` with a clock that is moved, from the first hours to the last posting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import scn_firm
from scn_papers import agreement, amendment, today
from stage import Stage

from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.hub import Hub
from tieline.entrypoints.rehearsal import process
from tieline.kit.calendars import BusinessDays
from tieline.twins.process import served

Doc = dict[str, Any]
MONTHS = 12
MINUTE_S = 60.0
SCHEDULES = {
    "month-end": {
        "when": "last business day at 18:00", "starts": "census", "role": "erp", "kinds": ["invoice"],
        "legal_entities": ["US01"],
    },
    "invoices": {"when": "business day 1 at 06:00", "starts": "invoices", "legal_entities": ["US01"]},
    "nightly": {"when": "daily at 02:30", "starts": "planning", "legal_entities": ["DE01"]},
}  # fmt: skip
ZONE = ZoneInfo("America/New_York")
RATES = [Decimal(200)] * 3 + [Decimal(210)] * 5 + [Decimal(220)] * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What a stage needs of a hub, where the hub is a process of its own."""

    hub: Hub
    url: str
    keys: dict[str, str]

    def tieline(self, *words: str) -> Doc:
        """A command as a person types it, with --json."""
        done = subprocess.run(
            [sys.executable, "-m", "tieline.entrypoints.cli", *words, "--json"],
            env={**os.environ, "TIELINE_HOME": str(self.hub.folder)}, capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found: Doc = json.loads(done.stdout)
        return found


@pytest.fixture
def rehearsal() -> Iterator[tuple[Process, Stage]]:
    """A firm of its own on look-alikes of its own, whose tieline.yaml says that its clock can be moved."""
    with (
        tempfile.TemporaryDirectory(prefix="tieline-year-", ignore_cleanup_errors=True) as name,
        served("netsuite", Path(name) / "netsuite", account=firm.ACCOUNT) as erp,
        served("ironclad", Path(name) / "clm") as clm,
    ):
        place = scn_firm.rehearsed(Path(name), erp)
        tenants = {"northwind": scn_firm.tenant(place, clm, amendments={"apply": "automatic"}, schedules=SCHEDULES)}
        port = process.free_port()
        config = scn_firm.written(place, "tieline", port, tenants)
        config.write_text(json.dumps({**json.loads(config.read_text()), "clock": {"movable": True}}))
        hub = Hub(Path(name), config, port)
        hub.start()
        try:
            key = json.loads((Path(name) / "connection.json").read_text())["api_key"]
            running: Any = Process(hub=hub, url=hub.url, keys={"northwind": key})
            with closing(Stage(running, "northwind", clm, place.inbox_secret)) as stage:
                stage.listens()
                yield running, stage
        finally:
            hub.stop()


def month(after: int) -> date:
    """The first day of a month: 0 is the next one in New York."""
    now = datetime.now(ZONE).date()
    number = now.year * 12 + now.month + after
    return date(number // 12, number % 12 + 1, 1)


def signed(stage: Stage) -> str:
    """A contract over many months, whose rate the papers raise in the fourth month and in the ninth."""
    paper = agreement(tax="EXEMPT", expirationDate=today() + timedelta(days=800))
    contract = stage.sign(paper)
    for number, rate, starts in ((1, "210", month(3)), (2, "220", month(8))):
        stage.sign(amendment(paper, number, rate, (starts - today()).days))
    stage.until_in_step(contract)
    return contract


def test_D6_twelve_months_of_hours_rates_and_invoices_pass_in_a_minute_each_on_its_own_day(
    rehearsal: tuple[Process, Stage],
) -> None:
    hub, stage = rehearsal
    contract = signed(stage)
    for n in range(MONTHS):
        stage.approve_hours(contract, "8", month(n) + timedelta(days=9))
    end = datetime.combine(month(MONTHS) + timedelta(days=6), datetime.min.time(), ZONE)
    began = time.monotonic()
    found = hub.tieline("clock", "set", end.isoformat())
    assert time.monotonic() - began < MINUTE_S
    assert (found["target"], found["today"]["US01"]) == (None, end.date().isoformat())
    invoices = sorted(stage.contract(contract)["invoices"], key=lambda each: each["document"]["invoice_date"])
    billed_each_month_at_its_rate(invoices)
    told_month_by_month(stage, contract, [each["id"] for each in invoices])
    closings = [run for run in stage.get("/system/v1/census")["census"] if run["asked_by"] == "schedule:month-end/US01"]
    assert [(run["state"], run["problem"]) for run in closings] == [("done", None)] * len(closings)
    assert len(closings) >= MONTHS
    for invoice in invoices:
        assert stage.release(invoice).status_code == 202
    posted = [stage.invoice(contract, each["id"], "posted") for each in invoices]
    assert sum(Decimal(each["document"]["total"]["amount"]) for each in posted) == 8 * sum(RATES)


def billed_each_month_at_its_rate(invoices: list[Doc]) -> None:
    documents = [each["document"] for each in invoices]
    assert [Decimal(each["net"]["amount"]) for each in documents] == [8 * rate for rate in RATES]
    first_business_days = [BusinessDays().count_on(month(n + 1) - timedelta(days=1), 1) for n in range(MONTHS)]
    assert [each["invoice_date"] for each in documents] == [day.isoformat() for day in first_business_days]


def told_month_by_month(stage: Stage, contract: str, invoices: list[str]) -> None:
    """In the contract's own story a month's hours are charged before its invoice, and after the invoice before."""
    events: list[Doc] = []
    page = stage.get("/events/v1", contract_id=contract, limit=200)
    events += page["events"]
    while cursor := page.get("next_cursor"):
        page = stage.get("/events/v1", contract_id=contract, limit=200, cursor=cursor)
        events += page["events"]
    wanted = ("charge.minted", "amendment.propagated", "invoice.prepared")
    told = [e["type"].removeprefix("dev.tieline.").removesuffix(".v1") for e in events]
    months = [["charge.minted", "invoice.prepared"] for _ in range(MONTHS)]
    for raised in (2, 7):  # the rate of the next month begins before this one's invoice
        months[raised].insert(1, "amendment.propagated")
    assert [kind for kind in told if kind in wanted] == [kind for each in months for kind in each]
    prepared = [e["subject"] for e in events if e["type"] == "dev.tieline.invoice.prepared.v1"]
    assert prepared == [f"invoice:{each}" for each in invoices]
