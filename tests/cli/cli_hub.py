"""A hub on a real port that answers the documents which commands read, and the command line as a child process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "tl_operator"
DIGEST = "0123456789abcdef0123456789abcdef"
HOLD = {
    "hold_id": "0192f0aa-0000-7000-8000-000000000001", "code": "TAX_CODE_UNKNOWN", "owner": "finance",
    "sentence": "Tax code REDUCED of contract NW-1 has no rate for legal entity DE01.",
    "way_out": "Add it to the taxes of DE01.", "amount": {"amount": "46000", "currency": "EUR"},
}  # fmt: skip
ITEMS = [
    {"action": "create", "kind": "project", "key": "prj_1", "system": "tryton",
     "fields": [{"name": "name", "old": None, "new": "Data platform"}]},
    {"action": "update", "kind": "billing_rule", "key": "bil_1", "system": "tryton",
     "fields": [{"name": "rate", "old": {"amount": "150", "currency": "EUR"}, "new": {"amount": "165", "currency": "EUR"}}]},
    {"action": "end", "kind": "work_element", "key": "wbs_9", "system": "tryton", "fields": []},
    {"action": "none", "kind": "client", "key": "cli_1", "system": "tryton", "fields": []},
]  # fmt: skip
BROKEN = "tenants: oops"
FAULTS = [
    {"path": "/tenants", "message": "configuration:1:10: tenants must be a group of `name: value` lines"},
    {"path": "/home", "message": "configuration:2:1: home is missing"},
]
LINE = {
    "id": "con_1", "number": "NW-1", "title": "Data platform", "client": "Hanse", "legal_entity": "DE01",
    "status": "in_step", "next_actor": "nobody", "held": None,
}  # fmt: skip


@dataclass(slots=True)
class Hub:
    """`plan_state` moves as a plan would; `orders` keeps what was ordered with its idempotency key."""

    plan_state: str = "proposed"
    moved: bool = False
    items: list[dict[str, Any]] = field(default_factory=lambda: list(ITEMS))
    contracts: list[dict[str, Any]] = field(default_factory=lambda: [dict(LINE)])
    orders: list[tuple[str, str, Any]] = field(default_factory=list)
    planned_under: list[str] = field(default_factory=list)
    tryton_is: dict[str, Any] = field(default_factory=dict)
    url: str = ""

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/experience/v1/contracts", self._list),
                Route("/experience/v1/contracts/{id}", self._contract),
                Route("/experience/v1/holds", self._holds),
                Route("/experience/v1/contracts/{id}/trace", self._trace),
                Route("/process/v1/contracts/{id}/plans", self._preview, methods=["POST"]),
                Route("/process/v1/plans/{id}", self._plan),
                Route("/process/v1/plans/{id}/apply", self._apply, methods=["POST"]),
                Route("/process/v1/invoices/{id}", self._invoice),
                Route("/process/v1/{rest:path}", self._order, methods=["POST"]),
                Route("/livez", self._fine),
                Route("/readyz", self._ready),
                Route("/system/v1/systems", self._systems),
            ]
        )

    async def _list(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refused(401, "unauthenticated", "The API key is unknown, expired or revoked.")
        return JSONResponse({"contracts": self.contracts, "next_cursor": None})

    async def _contract(self, request: Request) -> Response:
        if request.path_params["id"] != "con_1":
            return refused(404, "not_found", f"There is no contract {request.path_params['id']} here.")
        return JSONResponse({**LINE, "holds": [HOLD], "replicas": [], "plans": [self._planned()], "invoices": []})

    async def _holds(self, request: Request) -> Response:
        unread = {**HOLD, "code": "MAPPING_MISSING", "sentence": "legalEntity is 'DE09'.", "contract_id": None}
        lost = {
            **HOLD,
            "hold_id": "h9",
            "code": "AMBIGUOUS",
            "subject": "netsuite/invoice/inv_1",
            "contract_id": "con_1",
        }
        return JSONResponse({"holds": [{**HOLD, "contract_id": "con_1"}, unread, lost], "next_cursor": None})

    async def _trace(self, request: Request) -> Response:
        effect = {"at": "2026-03-01T09:00:01Z", "system": "tryton", "what": "put project", "external_id": "17",
                  "outcome": "ok", "children": []}  # fmt: skip
        signed = {
            "at": "2026-03-01T09:00:00Z",
            "system": "ironclad",
            "what": "contract.signed.v1",
            "children": [effect],
        }
        return JSONResponse({"contract_id": "con_1", "nodes": [signed]})

    async def _preview(self, request: Request) -> Response:
        body = json.loads(await request.body() or b"{}")
        if body.get("configuration") == BROKEN:
            return refused(422, "configuration_invalid", "2 faults.", errors=FAULTS)
        if "configuration" in body:
            self.planned_under.append(body["configuration"])
            moved = [{**item, "action": "create", "system": "netsuite"} for item in self.items]
            left = [{"system": "tryton", "count": len(moved), "replica_ids": []}]
            plan = {"plan_id": None, "items": moved, "holds": [], "left": left}
            return JSONResponse({"contract_id": request.path_params["id"], **plan})
        return JSONResponse({"contract_id": "con_1", "plan_id": "pln_1", "items": self.items, "holds": [HOLD]})

    async def _plan(self, request: Request) -> Response:
        return JSONResponse(self._planned())

    def _planned(self) -> dict[str, Any]:
        line = {"kind": "billing_rule", "key": "bil_1", "system": "tryton", "observed_at": "2026-04-10T08:00:09Z"}
        proof = {"plan_id": "pln_1", "lines": [line]} if self.plan_state == "applied" else None
        return {"plan_id": "pln_1", "contract_id": "con_1", "state": self.plan_state, "digest": DIGEST,
                "items": self.items, "holds": [], "certificate": proof}  # fmt: skip

    async def _apply(self, request: Request) -> Response:
        if self.moved:
            return refused(409, "stale_plan", "The contract has moved since this plan was proposed.")
        self.plan_state = "applied"
        return await self._order(request)

    async def _invoice(self, request: Request) -> Response:
        eur = {"amount": "1440.00", "currency": "EUR"}
        document = {"id": "inv_1", "contract_id": "con_1", "invoice_date": "2026-04-30", "lines": [], "net": eur,
                    "tax_code": "STANDARD", "tax": eur, "total": eur}  # fmt: skip
        return JSONResponse({"id": "inv_1", "digest": DIGEST, "state": "awaiting_release", "document": document})

    async def _order(self, request: Request) -> Response:
        body = json.loads(await request.body() or b"{}")
        self.orders.append((request.url.path, request.headers["idempotency-key"], body))
        return JSONResponse({"operation_id": "0192", "digest": DIGEST}, 202)

    async def _fine(self, request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def _ready(self, request: Request) -> Response:
        durability = {"ok": False, "expected": "fsync on", "seen": "off: fsync", "way_out": "switch it on"}
        return JSONResponse({"status": "not_ready", "checks": {"durability": durability}}, 503)

    async def _systems(self, request: Request) -> Response:
        tryton = {"name": "tryton", "connector": "tryton", "roles": ["erp"], "in_step": 4}
        return JSONResponse({"systems": [{**tryton, **self.tryton_is}]})


def refused(status: int, code: str, detail: str, **more: Any) -> Response:
    document = {"type": f"/problems/{code}", "title": code, "status": status, "detail": detail, "code": code, **more}
    return JSONResponse(document, status, media_type="application/problem+json")


@contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        hub.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(hub.app(), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield hub
        finally:
            server.should_exit = True
            thread.join(10)


def tieline(
    *words: str, home: Path, url: str = "", key: str = KEY, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """The command as a script would run it: no terminal, no colours, nothing but this home."""
    connection = {"TIELINE_URL": url, "TIELINE_API_KEY": key} if url else {}
    return command_line(*words, home=home, stdin=stdin, **connection)


def command_line(
    *words: str, home: Path, stdin: str = "", timeout_s: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_") or "CACHE" in name}
    return subprocess.run(
        [sys.executable, "-m", "tieline.entrypoints.cli", *words],
        env={**kept, "TIELINE_HOME": str(home), "COLUMNS": "200", **environment},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
