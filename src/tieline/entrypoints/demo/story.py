"""The story, chapter by chapter. Each says what a person does, waits until the systems show it, and lets the watcher see."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from tieline.entrypoints.cli import ordering, views
from tieline.entrypoints.cli.client import Client
from tieline.entrypoints.cli.connection import Connection, home, save
from tieline.entrypoints.cli.exits import DONE, FAILED
from tieline.entrypoints.demo import checks, inbox
from tieline.entrypoints.demo.clearing import cleared
from tieline.entrypoints.demo.mailbox import in_mailbox
from tieline.entrypoints.demo.narration import Narrator, narrator
from tieline.entrypoints.demo.records import Calendar, Record, Story, story
from tieline.entrypoints.demo.report import document
from tieline.entrypoints.demo.stage import Stage, staged
from tieline.entrypoints.demo.waiting import contract_of, stay, until

GERMAN = checks.Expected(
    client="",
    elements={"Data engineering": "165.00", "Cloud operations": "160.00"},
    hours="15.50",
    net=Decimal("2437.50"),
    tax=Decimal("487.50"),
)
AMERICAN = checks.Expected(
    client="", elements={"Cloud migration": "175.00"}, hours="6.00", net=Decimal("1050.00"), tax=Decimal("210.00")
)


@dataclass(slots=True, kw_only=True)
class Telling:
    """What the chapters share. `invoices`: contract id to the invoice that was released."""

    stage: Stage
    narrator: Narrator
    story: Story
    days: Calendar
    hub: Client
    invoices: dict[str, str] = field(default_factory=dict)

    @property
    def german(self) -> str:
        return checks.contract_id(self.story.german)

    @property
    def american(self) -> str:
        return checks.contract_id(self.story.american)


def tell(*, leave: bool, kill: bool, keep: bool, as_json: bool) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends us, everything is ended in order
    says = narrator(as_json=as_json)
    folder = cleared(home() / "demo", keep=keep)
    says.chapter(0, "The stage: one real ERP, two look-alikes, one hub")
    with staged(folder, says) as stage:
        days = Calendar(today=datetime.now(UTC).date())
        told = Telling(stage=stage, narrator=says, story=story(days), days=days, hub=stage.hub.client())
        for number, chapter in enumerate(chapters(kill=kill), start=1):
            chapter(told, number)
        records = [str(record["id"]) for record in (told.story.german, told.story.american, told.story.amendment)]
        found = document(told.hub, stage, findings(told), [told.german, told.american], records)
        stays = not leave and sys.stdout.isatty()
        if as_json:
            print(json.dumps(found, ensure_ascii=False))
        ending(told, found)
        if stays:
            invite(told, folder)
            stay(says)
    return DONE if found["in_step"] else FAILED


def chapters(*, kill: bool) -> list[Callable[[Telling, int], None]]:
    first = signed_and_killed if kill else signed
    return [first, worked, amended, worked_again, invoiced, ledger, traced]


def signed_and_killed(told: Telling, number: int) -> None:
    """The hub dies while it is writing into the ERP; a second contract is signed while it is dead."""
    says, stage = told.narrator, told.stage
    says.chapter(number, "A contract is signed in the CLM, and the hub is killed while it works on it")
    sign(told, told.story.german)
    client = checks.client_of(told.story.german)
    until("the customer in the real ERP", lambda: stage.erp_witness.parties(client), says, stage.hub.log)
    old = stage.hub.pid
    stage.hub.kill()
    says.say(f"SIGKILL to process {old}: it had begun to write into Tryton. No goodbye, no flush.")
    sign(told, told.story.american)
    says.say("While it is dead a second contract is signed; its webhook finds nobody and the CLM tries again.")
    stage.hub.start()
    told.hub = stage.hub.client()  # every start gives this machine a key of its own
    says.say(f"The hub starts again as process {stage.hub.pid} and goes on where the database says it was.")
    both_in_step(told)


def signed(told: Telling, number: int) -> None:
    told.narrator.chapter(number, "Two contracts are signed in the CLM, one per legal entity")
    sign(told, told.story.german)
    sign(told, told.story.american)
    both_in_step(told)


def sign(told: Telling, record: Record) -> None:
    """Drafted and signed in the CLM look-alike; its signed webhook tells the hub."""
    told.stage.clm.control("seed", {"records": [record]})
    told.stage.clm.control(f"sign/{record['id']}", {})
    entity = record["properties"].get("legalEntity", {}).get("value")
    told.narrator.say(f"Signed: {record['name']}" + (f" (legal entity {entity})" if entity else ""))


def both_in_step(told: Telling) -> None:
    says, stage = told.narrator, told.stage
    for contract_id, system in ((told.german, "Tryton"), (told.american, "NetSuite")):
        until(f"the project in {system}", partial(in_step, told.hub, contract_id), says, stage.hub.log)
    client = checks.client_of(told.story.german)
    parties = stage.erp_witness.parties(client)
    trees = stage.erp_witness.project_tree(parties[0]["id"])
    tasks = ", ".join(f"{task['name']} at {checks.plain(task['list_price'])}" for task in trees[0]["tasks"])
    says.seen("Tryton itself: customers of this name", str(len(parties)), ok=len(parties) == 1)
    says.seen("Tryton itself: projects", f"{len(trees)} ({tasks})", ok=len(trees) == 1)
    customers = stage.netsuite_witness.customer(checks.client_of(told.story.american))
    projects = stage.netsuite_witness.projects(customers[0]["id"])
    fine = len(customers) == len(projects) == 1
    says.seen("NetSuite itself: customers and projects", f"{len(customers)} and {len(projects)}", ok=fine)


def in_step(hub: Client, contract_id: str) -> dict[str, Any] | None:
    contract = contract_of(hub, contract_id)
    if contract is None or contract["status"] != "in_step" or not contract["replicas"]:
        return None
    return contract


def worked(told: Telling, number: int) -> None:
    told.narrator.chapter(number, "Hours are worked and approved; the time sheet system hands them in, signed")
    told.narrator.say("8 h Data engineering by Ada in Hamburg, 6 h Cloud migration by Dana in Hoboken.")
    hand_in(told, told.story.german, 1, "res_ada", "8", "Loading dock model")
    hand_in(told, told.story.american, 1, "res_dana", "6", "Landing zone")
    await_charges(told, told.german, 1)
    await_charges(told, told.american, 1)


def worked_again(told: Telling, number: int) -> None:
    told.narrator.chapter(number, "More hours, worked after the new rate began")
    told.narrator.say("7.5 h Data engineering by Ada: priced at the rate of the day they were worked on.")
    hand_in(told, told.story.german, 1, "res_ada", "7.5", "Berth planning", later=True)
    await_charges(told, told.german, 2)


def hand_in(
    told: Telling, record: Record, line: int, who: str, hours: str, narrative: str, *, later: bool = False
) -> None:
    """Twice, as senders do: the second delivery must change nothing."""
    event = inbox.approved_hours(
        contract_id=checks.contract_id(record),
        line_id=checks.line_id(record, line),
        resource_id=who,
        work_date=told.days.second_week if later else told.days.first_week,
        hours=hours,
        narrative=narrative,
    )
    for _ in range(2):
        inbox.hand_in(told.stage.hub.url, told.stage.inbox_secret, event)


def await_charges(told: Telling, contract_id: str, count: int) -> None:
    def booked() -> bool:
        contract = in_step(told.hub, contract_id) or {}
        charges = [each for each in contract.get("replicas", ()) if each["kind"] == "time_charge"]
        return len(charges) == count

    until("the hours in the ERP", booked, told.narrator, told.stage.hub.log)
    if contract_id == told.german:
        hours = hours_in_tryton(told)
        told.narrator.seen("Tryton itself: hours on the project", hours, ok=hours in ("8.00", "15.50"))


def hours_in_tryton(told: Telling) -> str:
    witness = told.stage.erp_witness
    party = witness.parties(checks.client_of(told.story.german))[0]["id"]
    rows = [row for task in witness.project_tree(party)[0]["tasks"] for row in witness.hours_of(task["id"])]
    return checks.plain(sum((checks.duration_hours(row["duration"]) for row in rows), Decimal(0)))


def amended(told: Telling, number: int) -> None:
    """The plan is shown before anything moves; then exactly it is applied, and proved."""
    says, stage = told.narrator, told.stage
    says.chapter(number, "An amendment changes the rate: first the plan, then exactly that plan")
    sign(told, told.story.amendment)
    plan = until("a plan", lambda: open_plan(told.hub, told.german), says, stage.hub.log)
    says.lines(views.plan_lines(plan))
    says.say(f"$ tieline apply {plan['plan_id']}")
    applied = ordering.apply(told.hub, plan["plan_id"], yes=True, wait_s=60.0, quiet=True)
    says.lines(ordering.certificate_lines(applied))
    until("the new rate everywhere", lambda: in_step(told.hub, told.german), says, stage.hub.log)
    party = stage.erp_witness.parties(checks.client_of(told.story.german))[0]["id"]
    prices = [task["list_price"] for task in stage.erp_witness.project_tree(party)[0]["tasks"]]
    rate = max(checks.plain(price) for price in prices)
    says.seen("Tryton itself: price of Data engineering", rate, ok=rate == "165.00")


def open_plan(hub: Client, contract_id: str) -> dict[str, Any] | None:
    contract = contract_of(hub, contract_id) or {}
    return next(iter(contract.get("plans", ())), None)


def invoiced(told: Telling, number: int) -> None:
    says = told.narrator
    says.chapter(number, "Invoices are prepared, shown, and released by their digest")
    for contract_id in (told.german, told.american):
        body = {"through": told.days.today.isoformat(), "invoice_date": told.days.today.isoformat()}
        told.hub.post(f"/process/v1/contracts/{contract_id}/invoices", body)
        invoice = until("the invoice", partial(to_release, told.hub, contract_id), says, told.stage.hub.log)
        says.lines(views.invoice_lines(invoice))
        says.say(f"$ tieline release {invoice['id']}")
        ordering.release(told.hub, invoice["id"], yes=True, quiet=True)
        told.invoices[contract_id] = invoice["id"]


def to_release(hub: Client, contract_id: str) -> dict[str, Any] | None:
    contract = contract_of(hub, contract_id) or {}
    return next((each for each in contract.get("invoices", ()) if each["state"] == "awaiting_release"), None)


def ledger(told: Telling, number: int) -> None:
    says, stage = told.narrator, told.stage
    says.chapter(number, "Posted in the ledger: draft, read back, equal to the cent, post")
    for contract_id in (told.german, told.american):
        until("the posting", partial(in_step, told.hub, contract_id), says, stage.hub.log)
    seen = findings(told)
    for found in seen.values():
        for move in found.ledger:
            says.say(f"{move['system']} invoice {move['number']} ({move['legal_entity']}):")
            for line in move["lines"]:
                says.say(f"  {line['account']:<36} {line['debit']:>12} {line['credit']:>12}")
            says.seen("debit equals credit", "yes" if move["balanced"] else "no", ok=move["balanced"])
    once, *_ = seen["mailbox"].checks
    says.seen("The mailbox itself: postings announced, each once", once.seen, ok=once.ok)


def findings(told: Telling) -> dict[str, checks.Findings]:
    german = checks.for_client(GERMAN, checks.client_of(told.story.german))
    american = checks.for_client(AMERICAN, checks.client_of(told.story.american))
    invoice = told.invoices[told.german]
    return {
        "tryton": checks.in_tryton(told.stage.erp_witness, german, invoice),
        "netsuite": checks.in_netsuite(told.stage.netsuite_witness, american),
        "mailbox": in_mailbox(told.stage.mailbox, told.invoices.values()),
    }


def traced(told: Telling, number: int) -> None:
    told.narrator.chapter(number, "What caused what, from signature to ledger")
    trace = told.hub.get(f"/experience/v1/contracts/{told.german}/trace")
    told.narrator.lines(views.trace_lines(trace))


def ending(told: Telling, found: dict[str, Any]) -> None:
    says = told.narrator
    wrong = [check for system in found["systems"] for check in system["checks"] if not check["ok"]]
    title = "Done: everything is in step" if found["in_step"] else f"Not as it should be: {len(wrong)} checks failed"
    says.chapter(8, title)
    for check in wrong:
        says.seen(check["what"], f"{check['seen']} instead of {check['expected']}", ok=False)
    says.say("Checked in the systems themselves: " + ", ".join(counted(system) for system in found["systems"]) + ".")


def counted(system: dict[str, Any]) -> str:
    fine = sum(1 for check in system["checks"] if check["ok"])
    return f"{system['name']} {fine} of {len(system['checks'])}"


def invite(told: Telling, folder: Path) -> None:
    """Where to look and what to try next. Other terminals find the hub through the home folder."""
    says, command = told.narrator, invoked_as()
    stored = json.loads((folder / "connection.json").read_text())
    save(home(), Connection(url=told.stage.hub.url, api_key=stored["api_key"]))
    says.say(f"Look at it:   {told.stage.hub.ready['console']}  (opens once)")
    says.say(f"Ask it:       {command} get contract {told.german}")
    says.say(f"              {command} trace {told.american}")
    says.say(f"              {command} plan {told.german}")
    says.say(f"              {command} doctor")


def invoked_as() -> str:
    """The command as it was typed, so that the lines can be copied."""
    typed = sys.argv[0]
    return "tieline" if shutil.which("tieline") or not typed.endswith("tieline") else os.path.relpath(typed)
