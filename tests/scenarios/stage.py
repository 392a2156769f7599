"""The stage of the scenarios: a hub in this process, and verbs that read like what people do and see.

Scenarios act and observe only through the public API, signed webhooks, and what the look-alikes themselves say of what
they executed. Waiting is asking the API until it says so; nothing sleeps for luck.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
from scn_papers import Record, day, properties, today
from standardwebhooks.webhooks import Webhook

from tieline import bootstrap
from tieline.entrypoints.demo import checks
from tieline.entrypoints.demo.stage import register_receiver
from tieline.kit.ids import stable_id
from tieline.twins.process import Served

Doc = dict[str, Any]
T = TypeVar("T")
PATIENCE_S = 20.0
PAUSE_S = 0.05
SETTLED = ("in_step", "ended")


def until(what: str, found: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
    """The first answer that is not empty; an AssertionError that names what did not come."""
    end = time.monotonic() + patience_s
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"nothing seen of {what} within {patience_s:.0f} s"
        time.sleep(PAUSE_S)


class HubThread:
    """The hub as `tieline up` runs it, in a thread of this process so that scenarios stay plain sentences."""

    def __init__(self, config: Path, tenants: Collection[str]) -> None:
        self.settings = bootstrap.read_settings(config)
        self.ahead = timedelta(0)
        self.url, self.keys = "", dict[str, str]()
        self._ready, self._end = threading.Event(), asyncio.Event()
        self._failed: BaseException | None = None
        self._tenants = tenants
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)
        self._thread.start()
        self._ready.wait(60)
        if self._failed is not None:
            raise self._failed

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(60)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # told to the test that waits for the start
            self._failed = error
            self._ready.set()
            raise

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with (
            bootstrap.hub(self.settings, clock=self.now) as self.hub,
            bootstrap.served_site(self.settings, self.hub.app) as site,
        ):
            work = asyncio.create_task(self.hub.worker.run())
            self.url = site.url
            for name in self._tenants:
                self.keys[name] = (await self.hub.issue_key(name, "scenarios", bootstrap.LOCAL_SCOPES)).key
            self._ready.set()
            await self._end.wait()
            self.hub.worker.stop()
            await work


class Stage:
    """One firm on a running hub, with its CLM."""

    def __init__(self, hub: HubThread, tenant: str, clm: Served, inbox_secret: str) -> None:
        self.hub, self.tenant, self.clm, self.inbox_secret = hub, tenant, clm, inbox_secret
        self._http = httpx2.Client(
            base_url=hub.url, timeout=20, headers={"Authorization": f"Bearer {hub.keys[tenant]}"}
        )

    def close(self) -> None:
        self._http.close()

    # -- what people do in the CLM

    def listens(self) -> None:
        """The CLM's administrator tells it where the hub listens."""
        with contextlib.suppress(httpx2.HTTPStatusError):  # it knows already
            register_receiver(self.clm, self.hook("ironclad"))

    def hook(self, system: str) -> str:
        return f"{self.hub.url}/hooks/{self.tenant}/{system}"

    def draft(self, *records: Record) -> None:
        self.clm.control("seed", {"records": list(records)})

    def sign(self, record: Record, at: datetime | None = None, *, told: bool = True) -> str:
        """Draft and sign; the contract's id. `told` False: the CLM sends no webhook."""
        self.draft(record)
        return self.signed(record, at, told=told)

    def signed(self, record: Record, at: datetime | None = None, *, told: bool = True) -> str:
        """The signature on a draft that is there; on a signed paper, the announcement once more."""
        order: Doc = {"at": at.isoformat()} if at else {}
        self.clm.control(f"sign/{record['id']}", order | ({} if told else {"events": []}))
        return contract_of(record)

    def correct(self, record: Record, **values: Any) -> None:
        """A person corrects the paper, and the CLM says that it has changed."""
        currency = (record["properties"].get("contractCurrency") or {}).get("value", "USD")
        self.clm.control(f"edit/{record['id']}", {"properties": properties(values, currency)})
        self.clm.control(f"sign/{record['id']}", {})

    # -- what people do with the hub

    def get(self, path: str, **params: Any) -> Doc:
        found: Doc = self._http.get(path, params=params).raise_for_status().json()
        return found

    def post(self, path: str, body: Doc | None = None, key: str = "") -> httpx2.Response:
        return self._http.post(path, json=body or {}, headers={"Idempotency-Key": key or str(uuid4())})

    def ordered(self, path: str, body: Doc | None = None) -> Doc:
        answer = self.post(path, body)
        assert answer.status_code in (200, 202), answer.text
        found: Doc = answer.json()
        return found

    def approve_hours(
        self,
        contract: str,
        hours: str,
        on: date,
        *,
        line: str = "",
        who: str = "res_dana",
        by: str = "lead",
        why: str = "",
    ) -> str:
        """An approved time entry, handed in through the API; its id."""
        body = {
            "contract_id": contract, "line_id": line or self.contract(contract)["record"]["lines"][0]["id"],
            "resource_id": who, "work_date": on.isoformat(), "hours": hours, "approved_by": by,
            "approved_at": datetime.now(UTC).isoformat(), "narrative": why or uuid4().hex,
        }  # fmt: skip
        return str(self.ordered("/process/v1/time-entries", body)["time_entry_id"])

    def hand_in(self, event: Doc) -> None:
        """What a PSA or CRM sends, signed."""
        moment, body = datetime.now(UTC), json.dumps(event)
        headers = {
            "content-type": "application/json", "webhook-id": event["id"],
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(self.inbox_secret).sign(event["id"], moment, body),
        }  # fmt: skip
        httpx2.post(self.hook("inbox"), content=body, headers=headers, timeout=10).raise_for_status()

    def ask_invoice(self, contract: str, through: date | None = None) -> str:
        body = {"through": (through or today()).isoformat(), "invoice_date": today().isoformat()}
        return str(self.ordered(f"/process/v1/contracts/{contract}/invoices", body)["invoice_id"])

    def release(self, invoice: Doc, key: str = "") -> httpx2.Response:
        return self.post(f"/process/v1/invoices/{invoice['id']}/release", {"digest": invoice["digest"]}, key)

    def retry(self, hold: Doc) -> None:
        self.ordered(f"/process/v1/holds/{hold['hold_id']}/retry")

    @contextlib.contextmanager
    def days_later(self, days: int) -> Iterator[None]:
        """The hub's clock runs ahead for a while."""
        self.hub.ahead = timedelta(days=days)
        try:
            yield
        finally:
            self.hub.ahead = timedelta(0)

    # -- what people see

    def contract(self, contract: str) -> Doc:
        return self.get(f"/experience/v1/contracts/{contract}")

    def known(self, contract: str) -> Doc | None:
        answer = self._http.get(f"/experience/v1/contracts/{contract}")
        return answer.json() if answer.status_code == 200 else None

    def until_known(self, contract: str) -> Doc:
        return until(f"contract {contract}", lambda: self.known(contract))

    def until_in_step(self, contract: str, patience_s: float = PATIENCE_S) -> Doc:
        def found() -> Doc | None:
            seen = self.known(contract)
            return seen if seen and seen["status"] == "in_step" and seen["replicas"] else None

        try:
            return until(f"{contract} in step", found, patience_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._why(contract)}") from None

    def until_charged(self, contract: str, count: int) -> Doc:
        """All systems in step, and the ERP holds this many charges."""

        def found() -> Doc | None:
            seen = self.contract(contract)
            done = [r for r in seen["replicas"] if r["kind"] == "time_charge" and r["status"] == "in_step"]
            return seen if len(done) == count else None

        return until(f"{count} charges of {contract} in the ERP", found)

    def hold_of(self, contract: str, code: str, patience_s: float = PATIENCE_S) -> Doc:
        """The open hold with this code on the contract."""

        def found() -> Doc | None:
            return next((h for h in (self.known(contract) or {}).get("holds", ()) if h["code"] == code), None)

        try:
            return until(f"a hold {code}", found, patience_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._why(contract)}") from None

    def hold_about(self, record: Record, code: str) -> Doc:
        """The open hold with this code on a paper, whether a contract has come of it or not."""
        about = {f"source:{name}/{record['id']}" for name in ("ironclad", "inbox")} | {
            f"amendment:{amendment_of(record)}"
        }
        about |= {f"amendment_terms:{amendment_of(record)}"}
        child = "parentId" in record

        def found() -> Doc | None:
            rows = self.get("/experience/v1/holds", limit=200)["holds"]
            mine = [h for h in rows if h["subject"] in about or (h["contract_id"] == contract_of(record) and not child)]
            return next((h for h in mine if h["code"] == code), None)

        return until(f"a hold {code} on the paper {record['name']}", found)

    def hold_on(self, subject: str, code: str) -> Doc:
        """The open hold with this code on one thing."""

        def found() -> Doc | None:
            rows = self.get("/experience/v1/holds", limit=200)["holds"]
            return next((h for h in rows if (h["subject"], h["code"]) == (subject, code)), None)

        return until(f"a hold {code} on {subject}", found)

    def until_lifted(self, hold: Doc) -> None:
        def gone() -> bool:
            return all(h["hold_id"] != hold["hold_id"] for h in self.get("/experience/v1/holds", limit=200)["holds"])

        until(f"the end of hold {hold['code']}", gone)

    def invoice(self, contract: str, invoice_id: str, state: str, patience_s: float = PATIENCE_S) -> Doc:
        """The invoice once it is in that state."""

        def found() -> Doc | None:
            rows = self.contract(contract)["invoices"]
            return next((i for i in rows if i["id"] == invoice_id and i["state"] == state), None)

        try:
            return until(f"invoice {invoice_id} {state}", found, patience_s)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self._why(contract)}") from None

    def billed(self, contract: str) -> Doc:
        """Ask, release, and wait for the posting; the invoice."""
        asked = self.ask_invoice(contract)
        answer = self.release(self.invoice(contract, asked, "awaiting_release"))
        assert answer.status_code == 202, answer.text
        return self.invoice(contract, asked, "posted")

    def ledger(self, system: str, invoice_id: str) -> dict[str, str]:
        """What each account of the posted move adds up to, debit above zero."""
        sums: dict[str, Any] = {}
        for line in self.get(f"/system/v1/systems/{system}/ledger/{invoice_id}")["lines"]:
            amount = checks.Decimal(line["debit"]["amount"]) - checks.Decimal(line["credit"]["amount"])
            sums[line["account"]] = sums.get(line["account"], checks.ZERO) + amount
        return {account: f"{amount:.2f}" for account, amount in sums.items()}

    def open_plan(self, contract: str) -> Doc:
        return until(f"a plan of {contract}", lambda: next(iter(self.contract(contract)["plans"]), None))

    def inputs_of(self, contract: str) -> list[Doc]:
        """What arrived and led to something for this contract, as the trace shows it."""
        nodes = self.get(f"/experience/v1/contracts/{contract}/trace")["nodes"]
        return [node for node in walked(nodes) if node["node"] == "input"]

    def holds_seen(self, contract: str) -> list[Doc]:
        """Open and lifted ones, as the trace shows them."""
        nodes = self.get(f"/experience/v1/contracts/{contract}/trace")["nodes"]
        return [node for node in walked(nodes) if node["node"] == "hold"]

    def _why(self, contract: str) -> str:
        seen = self.known(contract)
        if seen is None:
            return "the contract is not known"
        waits = [
            f"{r['replica_id']} {r['status']} {r['problem'] or ''}"
            for r in seen["replicas"]
            if r["status"] not in SETTLED
        ]
        holds = [f"{h['code']}: {h['sentence']}" for h in seen["holds"]]
        return f"{seen['status']}; {'; '.join(waits + holds)}"


def contract_of(record: Record) -> str:
    """The hub's id of an agreement, also for one of its amendments."""
    return checks.contract_id({"id": record.get("parentId", record["id"])})


def amendment_of(record: Record) -> str:
    return stable_id("amd", "ironclad", record["id"])


def line_of(record: Record, number: int) -> str:
    return checks.line_id(record, number)


def walked(nodes: list[Doc]) -> Iterator[Doc]:
    for node in nodes:
        yield node
        yield from walked(node["children"])


def executed(twin: Served, after: int = 0) -> list[tuple[str, str, str]]:
    """(operation, kind, natural key) of what the system really did."""
    return [(e["operation"], e["kind"], e["natural_key"]) for e in twin.journal(after)]


def position(twin: Served) -> int:
    """Where the truth journal stands, to ask later for what came after."""
    return max((entry["seq"] for entry in twin.journal()), default=0)


def created_once(twin: Served, seen: Doc) -> None:
    """Every document of this contract was created in the ERP exactly once, whatever happened on the way (D1)."""
    keys = [r["key"] for r in seen["replicas"] if r["kind"] != "invoice_posting"]
    creates = [key for operation, _, key in executed(twin) if operation == "create"]
    assert {key: creates.count(key) for key in keys} == dict.fromkeys(keys, 1)


__all__ = ["HubThread", "Stage", "contract_of", "created_once", "day", "executed", "line_of", "position", "until"]
