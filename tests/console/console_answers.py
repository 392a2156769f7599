"""The API's documents in every state that a page must be able to show, behind a key that may and one that may not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

READER, STRANGER = "tl_reader", "tl_stranger"
DIGEST = "0123456789abcdef0123456789abcdef"


def eur(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def replica(kind: str, status: str, external: str | None, system: str = "tryton", **more: Any) -> dict[str, Any]:
    return {
        "replica_id": f"{system}/{kind}/{kind}_1", "system": system, "kind": kind, "key": f"{kind}_1", "role": "erp",
        "legal_entity": "DE01", "nature": "state", "status": status, "revision": 1, "confirmed_revision": 1,
        "external": {"id": external} if external else None, "next_actor": "nobody", "problem": None, **more,
    }  # fmt: skip


def line(id: str = "con_1", status: str = "in_step", **more: Any) -> dict[str, Any]:
    return {
        "id": id, "number": "NW-2026-001", "title": "Data platform for Hanse Logistik", "client": "Hanse Logistik GmbH",
        "legal_entity": "DE01", "value": eur("46000"), "status": status, "why": None, "next_actor": "nobody",
        "held": None, "at_stake": [], "signed_at": "2026-02-20T14:05:00Z", **more,
    }  # fmt: skip


def in_step() -> dict[str, Any]:
    kinds = ("client", "project", "work_element", "billing_rule", "time_charge", "invoice", "invoice_posting")
    replicas = [replica(kind, "in_step", str(40 + n)) for n, kind in enumerate(kinds)]
    return {**line(), **nothing_open(), "replicas": replicas}


def nothing_open() -> dict[str, Any]:
    record = {"signed_at": "2026-02-20T14:05:00Z", "state": "signed"}
    return {
        "source_system": "ironclad",
        "record": record,
        "amendments": [],
        "holds": [],
        "plans": [],
        "invoices": [],
        "replicas": [],
    }


def on_hold() -> dict[str, Any]:
    sentence = "Line Data engineering of contract NW-2026-001 names service line DATTA, which is not configured."
    hold = {
        "hold_id": "0192f0aa-0000-7000-8000-000000000001", "code": "SERVICE_LINE_UNKNOWN", "subject": "contract:con_2",
        "source": "flow", "owner": "pmo", "sentence": sentence, "since": "2026-03-01T09:00:00Z", "amount": eur("46000"),
        "way_out": "Correct the service line in the CLM, or add it under service_lines in tieline.yaml.", "evidence": None,
    }  # fmt: skip
    state = {"why": sentence, "next_actor": "pmo", "held": eur("46000"), "at_stake": [eur("46000")]}
    replicas = [replica("client", "in_step", "40"), replica("project", "held", None, next_actor="pmo")]
    return {**line("con_2", "blocked", **state), **nothing_open(), "holds": [hold], "replicas": replicas}


def ambiguous() -> dict[str, Any]:
    """A call was sent, its answer was lost, and nobody can ask the system."""
    hold = {
        **on_hold()["holds"][0], "hold_id": "0192f0aa-0000-7000-8000-000000000005", "code": "AMBIGUOUS", "source": "push",
        "subject": "tryton/invoice/inv_5", "owner": "integration", "sentence": "tryton: the answer was lost.",
        "way_out": "Look in the system whether the document is there, then settle the hold.",
    }  # fmt: skip
    state = {"why": hold["sentence"], "next_actor": "integration"}
    replicas = [replica("invoice", "ambiguous", None, next_actor="integration")]
    return {**line("con_5", "blocked", **state), **nothing_open(), "holds": [hold], "replicas": replicas}


def with_plan() -> dict[str, Any]:
    item = {
        "replica_id": "tryton/billing_rule/bil_1", "action": "update", "system": "tryton", "kind": "billing_rule",
        "key": "bil_1", "fields": [{"name": "rate", "old": eur("150"), "new": eur("165")}],
    }  # fmt: skip
    plan = {
        "plan_id": "pln_1", "gate": "amendment", "state": "proposed", "digest": DIGEST, "contract_id": "con_3",
        "items": [item], "created_at": "2026-04-10T08:00:00Z",
    }  # fmt: skip
    state = {"why": "A change waits for a yes; nothing moves until then.", "next_actor": "finance"}
    replicas = [replica("client", "in_step", "40"), replica("billing_rule", "awaiting_approval", "44")]
    return {**line("con_3", "awaiting_approval", **state), **nothing_open(), "plans": [plan], "replicas": replicas}


def with_invoice() -> dict[str, Any]:
    document = {
        "id": "inv_1", "contract_id": "con_4", "invoice_date": "2026-04-30", "tax_code": "STANDARD", "net": eur("1200.00"),
        "tax": eur("240.00"), "total": eur("1440.00"), "lines": [
            {"position": 1, "description": "Data engineering", "quantity": "8", "unit_price": "150", "amount": eur("1200.00")}
        ],
    }  # fmt: skip
    invoice = {"id": "inv_1", "state": "awaiting_release", "number": None, "digest": DIGEST, "document": document}
    hold = {**on_hold()["holds"][0], "code": "AWAITING_RELEASE", "sentence": "Invoice inv_1 waits for its release."}
    state = {"why": hold["sentence"], "next_actor": "finance", "held": eur("1440.00"), "at_stake": [eur("1440.00")]}
    whole = {**line("con_4", "awaiting_approval", **state), **nothing_open()}
    return {**whole, "holds": [hold], "invoices": [invoice], "replicas": [replica("invoice", "waiting", None)]}


EVENTS = [
    {"recorded_at": "2026-02-20T14:05:01Z", "entry": "event", "type": "dev.tieline.contract.signed.v1", "actor": "ironclad"},
    {"recorded_at": "2026-02-20T14:05:02Z", "entry": "event", "type": "dev.tieline.hold.raised.v1", "actor": "tieline"},
    {"recorded_at": "2026-02-20T14:05:02Z", "entry": "hold_raised", "type": "hold.raised", "what": "TAX_CODE_UNKNOWN",
     "actor": "finance", "detail": {"sentence": "Tax code REDUCED has no rate."}},
    {"recorded_at": "2026-02-20T14:05:03Z", "entry": "effect", "type": "effect", "what": "put client", "actor": "tieline",
     "detail": {"system": "tryton", "state": "ok", "external": {"id": "40"}}},
    {"recorded_at": "2026-02-20T14:05:04Z", "entry": "approval", "type": "approval.given", "actor": "prn_1"},
]  # fmt: skip


@dataclass(slots=True)
class Answers:
    """The API of one firm; `orders` keeps what was ordered, `refuse` answers the next order with a problem."""

    contracts: dict[str, dict[str, Any]]
    strays: list[dict[str, Any]] = field(default_factory=list)
    orders: list[tuple[str, str, Any]] = field(default_factory=list)
    refuse: dict[str, Any] | None = None
    down: bool = False

    def app(self) -> Starlette:
        experience = "/experience/v1/contracts"
        return Starlette(
            routes=[
                Route(experience, self._allowed(self._list)),
                Route("/experience/v1/holds", self._allowed(self._holds)),
                Route(f"{experience}/{{id}}", self._allowed(self._one)),
                Route(f"{experience}/{{id}}/timeline", self._allowed(self._timeline)),
                Route("/process/v1/{rest:path}", self._allowed(self._order), methods=["POST"]),
            ]
        )

    def _allowed(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def judged(request: Request) -> Response:
            key = request.headers.get("authorization", "").removeprefix("Bearer ")
            if self.down:
                return problem(503, "The store cannot be reached at the moment; please repeat in a moment.")
            if key == STRANGER:
                return problem(
                    403, "This key has no scope contract:read: ask your administrator for a key that has it."
                )
            if key != READER:
                return problem(401, "The API key is unknown, expired or revoked.")
            found: Response = await answer(request)
            return found

        return judged

    async def _list(self, request: Request) -> Response:
        names = line()
        lines = [{name: contract[name] for name in names} for contract in self.contracts.values()]
        return JSONResponse({"contracts": lines, "next_cursor": None})

    async def _holds(self, request: Request) -> Response:
        known = [{**hold, "contract_id": each["id"]} for each in self.contracts.values() for hold in each["holds"]]
        return JSONResponse({"holds": [*known, *self.strays], "next_cursor": None})

    async def _one(self, request: Request) -> Response:
        contract = self.contracts.get(request.path_params["id"])
        return JSONResponse(contract) if contract else problem(404, "There is no such contract here.")

    async def _timeline(self, request: Request) -> Response:
        return JSONResponse({"contract_id": request.path_params["id"], "events": EVENTS})

    async def _order(self, request: Request) -> Response:
        if self.refuse:
            return problem(self.refuse["status"], self.refuse["detail"])
        body = json.loads(await request.body() or b"{}")
        self.orders.append((request.path_params["rest"], request.headers["idempotency-key"], body))
        return JSONResponse({"operation_id": "0192"}, 202)


def problem(status: int, detail: str) -> Response:
    document = {"type": "/problems/x", "title": "Not possible", "status": status, "detail": detail, "code": "x"}
    return JSONResponse(document, status, media_type="application/problem+json")


def stray() -> dict[str, Any]:
    """A message that could not become a contract."""
    hold = on_hold()["holds"][0]
    return {**hold, "code": "MAPPING_MISSING", "sentence": "Record IC-7: legalEntity is 'DE09'.", "contract_id": None}


def everything() -> Answers:
    found = (in_step(), on_hold(), with_plan(), with_invoice(), ambiguous())
    return Answers({contract["id"]: contract for contract in found}, strays=[stray()])
