"""/process/v1: orders that may be refused. Every effect needs an Idempotency-Key and answers with an operation to follow."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import Response

from tieline.api import words
from tieline.api.auth import Caller, require
from tieline.api.context import answer, correlation, known_query, reading, services_of, setup_of
from tieline.api.idempotency import Key, Outcome, once
from tieline.api.intake import hand_in, invoice_request, time_entry
from tieline.api.shapes import (
    ApplyAsked,
    Identifier,
    InvoiceAsked,
    NothingAsked,
    PlanAsked,
    ReleaseAsked,
    SettleAsked,
    TimeEntryAsked,
)
from tieline.api.waiting import preferred_wait, settled
from tieline.domain import names
from tieline.engine.rows import Row
from tieline.engine.views import lookups
from tieline.engine.views.certificate import certificate
from tieline.engine.views.lane_status import lane_status
from tieline.engine.views.operation import operation
from tieline.engine.views.plans import plan
from tieline.kit.errors import Conflict, NotFound
from tieline.ports.commands import Preview
from tieline.ports.landscape import TenantSetup

POSTING, ERP = "invoice_posting", "erp"
router = APIRouter(prefix="/process/v1", tags=["process"], dependencies=[Depends(known_query)])
Reader = Annotated[Caller, Depends(require("contract:read"))]
Applier = Annotated[Caller, Depends(require("plan:apply"))]
Releaser = Annotated[Caller, Depends(require("invoice:release"))]
Invoicer = Annotated[Caller, Depends(require("invoice:request"))]
Worker = Annotated[Caller, Depends(require("time:write"))]
Retrier = Annotated[Caller, Depends(require("hold:retry"))]
Nothing = Annotated[NothingAsked | None, Body()]


@router.post("/contracts/{contract_id}/activate:check", operation_id="contract_check")
async def contract_check(request: Request, caller: Reader, contract_id: Identifier, asked: Nothing = None) -> Response:
    """Would this contract be activated now? Answers the holds that would arise. Writes nothing."""
    preview = await _preview(request, caller, contract_id)
    holds = [words.hold_of(hold) for hold in preview.holds]
    return answer({"contract_id": contract_id, "ready": not holds, "holds": holds})


@router.post("/contracts/{contract_id}/plans", operation_id="plan_preview")
async def plan_preview(
    request: Request, caller: Reader, contract_id: Identifier, asked: Annotated[PlanAsked | None, Body()] = None
) -> Response:
    """What would change in which system now. `plan_id` is there when the change waits for a yes.

    With `configuration`: what starting with that file would change. `left` is what stays where it is in systems that no
    longer play the role it was written for.
    """
    setup = await _supposed(request, caller, asked.configuration) if asked and asked.configuration else None
    preview = await _preview(request, caller, contract_id, setup)
    version = (setup or setup_of(request, caller)).config_version
    return answer({"contract_id": contract_id, "config_version": version, **words.preview_of(preview)})


@router.get("/plans/{plan_id}", operation_id="plan_get")
async def plan_get(request: Request, caller: Reader, plan_id: Identifier) -> Response:
    """A stored plan; once every system was read back, with its certificate."""
    async with reading(request, caller) as rows:
        found = await plan(rows, plan_id)
        if found is None:
            raise NotFound(f"There is no plan {plan_id} here.")
        proof = await certificate(rows, found["items"]) if found["state"] == "applied" else None
    return answer({**words.plan_of(found), "certificate": proof and {"plan_id": plan_id, "lines": proof}})


@router.post("/plans/{plan_id}/apply", operation_id="plan_apply", status_code=202)
async def plan_apply(
    request: Request, caller: Applier, plan_id: Identifier, key: Key, asked: Annotated[ApplyAsked | None, Body()] = None
) -> Response:
    """Let exactly this plan go ahead; `digest`, when given, must be the plan's."""

    preferred_wait(request)

    async def run() -> Outcome:
        async with reading(request, caller) as rows:
            found = await plan(rows, plan_id)
        if found is None:
            raise NotFound(f"There is no plan {plan_id} here.")
        if asked and asked.digest not in (None, found["digest"]):
            raise Conflict("The plan is not the one that was shown: ask for it again and read it.", code="stale_plan")
        commands = services_of(request).commands
        try:
            state = await commands.approve_plan(caller.tenant, plan_id, caller.principal, correlation(request))
        except Conflict as error:
            raise Conflict(error.detail, code="stale_plan") from None
        return _operation(request, plan_id=plan_id, state=state)

    return await settled(
        request, caller, await once(request, caller, "plan_apply", key, [plan_id, asked and asked.digest], run)
    )


@router.post("/contracts/{contract_id}/invoices", operation_id="invoice_request", status_code=202)
async def invoice_ask(
    request: Request, caller: Invoicer, contract_id: Identifier, key: Key, asked: InvoiceAsked
) -> Response:
    """Prepare an invoice of everything unbilled up to and including `through`."""

    async def run() -> Outcome:
        await _must_have(request, caller, contract_id)
        document = invoice_request(caller, key, contract_id, asked)
        await hand_in(request, caller, "invoice_request", key, document.id, document)
        invoice_id = names.invoice_id(caller.tenant, document.id)
        return _operation(request, invoice_request_id=document.id, invoice_id=invoice_id)

    return await once(request, caller, "invoice_request", key, [contract_id, asked.model_dump(mode="json")], run)


@router.get("/invoices/{invoice_id}", operation_id="invoice_get")
async def invoice_get(request: Request, caller: Reader, invoice_id: Identifier) -> Response:
    """The frozen document with the digest that a release is bound to."""
    return answer((await _invoice(request, caller, invoice_id))[1])


@router.post("/invoices/{invoice_id}/release", operation_id="invoice_release", status_code=202)
async def invoice_release(
    request: Request, caller: Releaser, invoice_id: Identifier, key: Key, asked: ReleaseAsked
) -> Response:
    """Release exactly the document with this digest to the ledger.

    `Prefer: wait=N` waits up to N seconds for the posting's confirmation and answers the outcome (200); otherwise 202 with
    the operation's place. The order stands either way, once.
    """

    async def run() -> Outcome:
        lane, found = await _invoice(request, caller, invoice_id)
        if found["digest"] != asked.digest:
            raise Conflict("The invoice is not the one that was looked at: read it again and release that one.")
        await services_of(request).commands.approve(
            caller.tenant, lane, f"invoice:{invoice_id}", asked.digest, caller.principal, correlation(request)
        )
        return _operation(request, invoice_id=invoice_id, digest=asked.digest)

    preferred_wait(request)  # refused before anything is ordered
    taken = await once(request, caller, "invoice_release", key, [invoice_id, asked.digest], run)
    usual_s = setup_of(request, caller).firm.waits.get((POSTING, ERP), 0.0)
    return await settled(request, caller, taken, usual_s)


@router.post("/time-entries", operation_id="time_entry_hand_in", status_code=202)
async def time_entry_hand_in(request: Request, caller: Worker, key: Key, asked: TimeEntryAsked) -> Response:
    """Hand in one approved time entry. Rules that need the contract answer later, as a hold with its way out."""

    async def run() -> Outcome:
        await _must_have(request, caller, asked.contract_id)
        document = time_entry(caller, key, asked)
        await hand_in(request, caller, "time_entry", key, document.id, document)
        return _operation(request, time_entry_id=document.id)

    return await once(request, caller, "time_entry_hand_in", key, asked.model_dump(mode="json"), run)


@router.post("/contracts/{contract_id}/retry", operation_id="contract_retry", status_code=202)
async def contract_retry(
    request: Request, caller: Retrier, contract_id: Identifier, key: Key, asked: Nothing = None
) -> Response:
    """Look again now at whatever this contract waits for."""

    async def run() -> Outcome:
        await _must_have(request, caller, contract_id)
        commands, lane = services_of(request).commands, words.lane_of(contract_id)
        released = await commands.retry(caller.tenant, lane, None, caller.principal, correlation(request))
        return _operation(request, contract_id=contract_id, released=released)

    return await once(request, caller, "contract_retry", key, contract_id, run)


@router.post("/holds/{hold_id}/retry", operation_id="hold_retry", status_code=202)
async def hold_retry(request: Request, caller: Retrier, hold_id: UUID, key: Key, asked: Nothing = None) -> Response:
    """Look again now at what this hold stops."""

    async def run() -> Outcome:
        async with reading(request, caller) as rows:
            found = await lookups.hold(rows, hold_id)
        if found is None:
            raise NotFound(f"There is no hold {hold_id} here.")
        commands = services_of(request).commands
        released = await commands.retry(caller.tenant, found["lane"], hold_id, caller.principal, correlation(request))
        return _operation(request, hold_id=str(hold_id), released=released)

    return await once(request, caller, "hold_retry", key, str(hold_id), run)


@router.post("/holds/{hold_id}/settle", operation_id="hold_settle", status_code=202)
async def hold_settle(request: Request, caller: Retrier, hold_id: UUID, key: Key, asked: SettleAsked) -> Response:
    """Say what you saw after a call without an answer: the document's id there, or that it certainly did not happen.

    What is there counts as written and is read back; what is not there is sent once more.
    """

    async def run() -> Outcome:
        status = await services_of(request).commands.settle(
            caller.tenant, hold_id, asked.external_id, caller.principal, correlation(request)
        )
        return _operation(request, hold_id=str(hold_id), status=status)

    preferred_wait(request)
    taken = await once(request, caller, "hold_settle", key, [str(hold_id), asked.external_id], run)
    return await settled(request, caller, taken)


@router.get("/operations/{operation_id}", operation_id="operation_get")
async def operation_get(request: Request, caller: Reader, operation_id: UUID) -> Response:
    """How far a request got: running, blocked, refused or done."""
    async with reading(request, caller) as rows:
        found = await operation(rows, operation_id)
    if found is None:
        raise NotFound(f"There is no operation {operation_id} here.")
    return answer({"operation_id": str(operation_id), **found})


def _operation(request: Request, **more: Any) -> Outcome:
    """An operation is known by the correlation id that all its consequences carry."""
    known = str(correlation(request))
    place = f"/process/v1/operations/{known}"
    return Outcome(body={"operation_id": known, "correlation_id": known, **more}, headers={"location": place})


async def _supposed(request: Request, caller: Caller, text: str) -> TenantSetup:
    """In a thread of its own: a long text takes a while, and the hub goes on answering."""
    return await asyncio.to_thread(services_of(request).compile_setup, caller.tenant, text)


async def _preview(request: Request, caller: Caller, contract_id: str, setup: TenantSetup | None = None) -> Preview:
    await _must_have(request, caller, contract_id)
    return await services_of(request).commands.preview(caller.tenant, words.lane_of(contract_id), setup)


async def _must_have(request: Request, caller: Caller, contract_id: str) -> None:
    async with reading(request, caller) as rows:
        if not await lookups.lane_exists(rows, words.lane_of(contract_id)):
            raise NotFound(f"There is no contract {contract_id} here.")


async def _invoice(request: Request, caller: Caller, invoice_id: str) -> tuple[str, Row]:
    """The invoice and its lane. Raises NotFound."""
    async with reading(request, caller) as rows:
        record = await lookups.record(rows, words.INVOICE, invoice_id)
        found = await lane_status(rows, record["lane"]) if record else None
    if record is None or found is None:
        raise NotFound(f"There is no invoice {invoice_id} here.")
    invoices = words.invoices_of(found.records, found.replicas, found.holds)
    invoice = next(each for each in invoices if each["id"] == invoice_id)
    return record["lane"], {**invoice, "contract_id": str(record["lane"]).removeprefix(words.LANES)}
