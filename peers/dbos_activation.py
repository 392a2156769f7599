"""The activation as a DBOS application: a signed webhook starts a durable workflow, every call is a durable step.

    python dbos_activation.py PORT      (addresses, tokens and the database come from the environment, see `Settings`)

Written as the DBOS documentation suggests: the workflow's id is the webhook's event id, so that a repeated delivery starts
nothing; steps that do not depend on each other are gathered; refusals of a busy server are retried by the step's decorator;
the last step writes into the application's own table through a datasource, in one transaction with its checkpoint.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import calls
import sqlalchemy as sa
import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from dbos import DBOS, AsyncSQLAlchemyDatasource, DBOSConfig, SetWorkflowID
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

AT_ONCE = 48  # calls under way to the two systems together, as many as the product is given
Doc = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    clm: str
    erp: str
    clm_token: str
    erp_token: str
    hook_key: rsa.RSAPublicKey
    database: str
    threads: int
    pool: int


def settings() -> Settings:
    given = os.environ
    key = load_pem_public_key(given["PEER_HOOK_KEY"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    return Settings(
        clm=given["PEER_CLM"], erp=given["PEER_ERP"], clm_token=given["PEER_CLM_TOKEN"],
        erp_token=given["PEER_ERP_TOKEN"], hook_key=key, database=given["PEER_DATABASE"],
        threads=int(given.get("PEER_THREADS", "4")), pool=int(given.get("PEER_POOL", "4")),
    )  # fmt: skip


GIVEN = settings()
SESSIONS: list[aiohttp.ClientSession] = []
MARK = sa.text("insert into activations (record_id) values (:record) on conflict do nothing")


class Busy(Exception):
    """Worth another attempt."""


def _again(error: BaseException) -> bool:
    return isinstance(error, Busy | aiohttp.ClientError | TimeoutError)


def step(name: str) -> Any:
    return DBOS.step(
        name=name, retries_allowed=True, max_attempts=6, interval_seconds=0.5, backoff_rate=2.0, should_retry=_again
    )


async def call(method: str, url: str, token: str, body: Doc | None = None, **headers: str) -> Doc:
    """The answer's document; raises Busy for 429 and 5xx, ValueError for any other refusal."""
    sent = {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    async with SESSIONS[0].request(method, url, json=body, headers=sent) as answer:
        text = await answer.read()
        if answer.status == 429 or answer.status >= 500:
            raise Busy(f"{method} {url}: {answer.status}")
        if answer.status >= 400:
            raise ValueError(f"{method} {url}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else {}


async def write(method: str, kind: str, external_id: str, doc: Doc, replace: str = "") -> None:
    """Creates or changes by external id, so that a repetition of the same call doubles nothing."""
    url = f"{GIVEN.erp}{calls.RECORD}/{kind}/eid:{external_id}" + (f"?replace={replace}" if replace else "")
    await call(method, url, GIVEN.erp_token, doc, Content_Type=calls.TYPE, X_NetSuite_PropertyNameValidation="Error")


async def rows(query: str) -> list[Doc]:
    answer = await call("POST", f"{GIVEN.erp}{calls.SUITEQL}", GIVEN.erp_token, {"q": query}, Prefer="transient")
    return list(answer["items"])


@step("fetch_agreement")
async def fetch_agreement(record_id: str) -> Doc:
    url = f"{GIVEN.clm}/public/api/v1/records/{record_id}?addressAsObject=true"
    answer = await call("GET", url, GIVEN.clm_token, x_as_user_email="integrations@northwind.example")
    return calls.agreement(answer)


@step("match_client")
async def match_client(terms: Doc, external_id: str) -> None:
    """This measurement has new clients only: any other customer of the name is for a person."""
    found = [row for row in await rows(calls.same_client(terms)) if row.get("externalid") != external_id]
    if found:
        raise ValueError(f"{terms['client']} could be another customer: {found}")


@step("put_client")
async def put_client(terms: Doc, external_id: str) -> None:
    await write("PUT", "customer", external_id, calls.client(terms), "addressBook")


@step("put_project")
async def put_project(terms: Doc, external_id: str, client: str) -> None:
    await write("PUT", "job", external_id, calls.project(terms, client))


@step("put_work_element")
async def put_work_element(terms: Doc, number: int, external_id: str, project: str) -> None:
    await write("PUT", "projectTask", external_id, calls.work_element(terms, terms["lines"][number], project))


@step("put_price")
async def put_price(terms: Doc, number: int, element: str) -> None:
    await write("PATCH", "projectTask", element, calls.price(terms["lines"][number]), "assignee")


@step("put_billing_rule")
async def put_billing_rule(terms: Doc, external_id: str, element: str, project: str) -> None:
    await write("PUT", "billingSchedule", external_id, calls.billing_rule(terms, element, project))


@step("read_back")
async def read_back(query: str) -> list[Doc]:
    return await rows(query)


def workflow(datasource: AsyncSQLAlchemyDatasource) -> Any:
    @datasource.transaction(isolation_level="READ COMMITTED")
    async def mark_activated(record_id: str) -> None:
        await datasource.sql_session().execute(MARK, {"record": record_id})

    @DBOS.workflow(name="activate")
    async def activate(record_id: str) -> None:
        names = calls.ids(record_id)
        project, elements, rules = names["project"], names["elements"], names["rules"]
        terms = await fetch_agreement(record_id)
        await match_client(terms, names["client"])
        await put_client(terms, names["client"])
        await put_project(terms, project, names["client"])
        await asyncio.gather(*(put_work_element(terms, n, e, project) for n, e in enumerate(elements)))
        await asyncio.gather(*(put_price(terms, n, e) for n, e in enumerate(elements)))
        await asyncio.gather(*(put_billing_rule(terms, r, e, project) for r, e in zip(rules, elements, strict=True)))
        seen = await asyncio.gather(*(read_back(query) for query in calls.read_back(names)))
        if wrong := calls.differences(terms, names, list(seen)):
            raise ValueError(f"read back differs: {wrong}")
        await mark_activated(record_id)

    return activate


def event_id(request: Request, body: bytes) -> str | None:
    """The id of a delivery that the CLM signed; None for any other."""
    proof = json.loads(request.headers.get("x-ironclad-webhook-verification", "{}"))
    name = request.headers.get("x-ironclad-webhook-event-id", "")
    text = name.encode() + body + proof.get("nonce", "").encode()
    try:
        GIVEN.hook_key.verify(base64.b64decode(proof.get("signature", "")), text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return None
    return name or None


def application() -> Starlette:
    config: DBOSConfig = {
        "name": "peer-activation", "system_database_url": GIVEN.database, "sys_db_pool_size": GIVEN.pool,
        "max_executor_threads": GIVEN.threads, "log_level": "WARNING",
    }  # fmt: skip
    DBOS(config=config)
    started: list[Any] = []

    async def hook(request: Request) -> Response:
        body = await request.body()
        name = event_id(request, body)
        if name is None:
            return JSONResponse({"error": "not signed"}, 401)
        with SetWorkflowID(name):
            await DBOS.start_workflow_async(started[0], json.loads(body)["payload"]["recordID"])
        return Response(status_code=202)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        """Launched inside the running loop, so that recovered workflows run in it as well."""
        timeout = aiohttp.ClientTimeout(total=30)
        SESSIONS.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE), timeout=timeout))
        datasource = await AsyncSQLAlchemyDatasource.create(GIVEN.database)
        started.append(workflow(datasource))
        DBOS.launch()
        yield
        DBOS.destroy()
        await SESSIONS[0].close()

    return Starlette(routes=[Route("/hook", hook, methods=["POST"])], lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(application(), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
