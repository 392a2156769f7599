"""What the connector sends and the look-alike answers, against the vendor's published names, types and operations.

The folder in TIELINE_VENDOR_SPECS holds `netsuite/…openapi.json`, transcribed from the 2026.1 REST browser. Names that
it leaves out and that are sent all the same are listed here with their reason, so that none slips in unseen.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import jsonschema_rs
import msgspec
import pytest
from joserfc.jwk import RSAKey
from netsuite_account import CUSTOMER, Account

from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.netsuite import NetSuite, NetSuiteSettings

_FOLDER = Path(os.environ["TIELINE_VENDOR_SPECS"]) / "netsuite"
SPEC: dict[str, Any] = json.loads((_FOLDER / "netsuite-record-v1-2026.1.subset.openapi.json").read_text())
EXAMPLES: dict[str, Any] = json.loads((_FOLDER / "rest-protocol-examples.json").read_text())
RECORDS = "/services/rest/record/v1"

Exchange = tuple[str, str, Mapping[str, Any], sdk.Answer]

# The transcription says itself that address sublists and the invoice are reduced; these come from the vendor's guides.
BEYOND = {
    "customer-addressBookElement": {"addressBookAddress"},
    "invoice": {"tranDate", "subsidiary", "tranId", "total", "subtotal", "taxTotal"},
}


def strict(schema: Any, name: str = "") -> Any:
    """The schema with unknown names forbidden, except those listed as beyond it."""
    if not isinstance(schema, dict):
        return schema
    result = {key: strict(value) for key, value in schema.items()}
    if "properties" in schema:
        extra = {key: {} for key in BEYOND.get(name, ())}
        result["properties"] = {key: strict(value) for key, value in schema["properties"].items()} | extra
        result["additionalProperties"] = False
    return result


SCHEMAS = {name: strict(schema, name) for name, schema in SPEC["components"]["schemas"].items()}


def check(name: str, value: Any) -> None:
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    jsonschema_rs.validator_for(whole).validate(value)


def given(value: Any) -> Any:
    """A request without its nulls: null empties a property, which the schema has no word for."""
    if isinstance(value, dict):
        return {key: given(inner) for key, inner in value.items() if inner is not None}
    return [given(inner) for inner in value] if isinstance(value, list) else value


class Recording:
    """The real client, with every exchange kept."""

    def __init__(self, http: GuardedHttp) -> None:
        self._http = http
        self.exchanges: list[Exchange] = []

    async def request(self, method: str, path: str, **call: Any) -> sdk.Answer:
        answer = await self._http.request(method, path, **call)
        self.exchanges.append((method, path, call, answer))
        return answer


SETTINGS: dict[str, Any] = {
    "account": "123456_SB1",
    "client_id": "client-1",
    "certificate_id": "cert-1",
    "private_key_ref": "env:NETSUITE_KEY",
    "subsidiaries": {"US01": "2"},
    "currencies": {"USD": "1"},
    "items": {"DATA": "501"},
    "tax_codes": {"STANDARD": "7"},
    "employees": {"res_ada": "55"},
    "billing_resource": "900",
}


def documents() -> list[tuple[str, Any]]:
    rate, entity = sdk.Money.of("185.25", "USD"), "US01"
    address = sdk.Address(street="1 Main St", city="New York", postal_code="10001", country="US")
    start, day = date(2026, 10, 1), date(2026, 10, 31)
    of_project = {"project_id": "prj_1", "legal_entity": entity}
    of_element = {"work_element_id": "wbs_1", **of_project}
    line = sdk.InvoiceLine(
        position=1,
        description="Data, October",
        quantity=Decimal("7.5"),
        unit_price=rate.amount,
        amount=sdk.Money.of("1389.38", "USD"),
        charge_ids=("chg_1",),
        work_element_id="wbs_1",
    )
    invoice = sdk.Invoice(
        id="inv_1",
        contract_id="con_1",
        client_id="cli_1",
        currency="USD",
        invoice_date=day,
        tax_code="STANDARD",
        tax_rate=Decimal("0.20"),
        lines=(line,),
        net=sdk.Money.of("1389.38", "USD"),
        tax=sdk.Money.of("277.88", "USD"),
        total=sdk.Money.of("1667.26", "USD"),
        **of_project,
    )
    return [
        (
            "client",
            sdk.Client(
                id="cli_1",
                name="Contoso",
                legal_entity=entity,
                currency="USD",
                tax_code="STANDARD",
                address=address,
                tax_registration="US-9",
            ),
        ),
        (
            "project",
            sdk.Project(
                id="prj_1",
                contract_id="con_1",
                client_id="cli_1",
                name="P",
                legal_entity=entity,
                currency="USD",
                starts_on=start,
                ends_on=date(2027, 4, 1),
            ),
        ),
        (
            "work_element",
            sdk.WorkElement(
                id="wbs_1",
                name="Data",
                service_line="DATA",
                planned_hours=Decimal("120.5"),
                starts_on=start,
                **of_project,
            ),
        ),
        (
            "billing_rule",
            sdk.BillingRule(
                id="bil_1", strategy="time_and_materials", unit="hour", rate=rate, valid_from=start, **of_element
            ),
        ),
        (
            "time_charge",
            sdk.TimeCharge(
                id="chg_1",
                time_entry_id="te_1",
                resource_id="res_ada",
                work_date=start,
                hours=Decimal("7.5"),
                rate=rate,
                amount=sdk.Money.of("1389.38", "USD"),
                narrative="Modelling",
                **of_element,
            ),
        ),
        ("invoice", invoice),
        (
            "invoice_posting",
            sdk.InvoicePosting(
                id="pst_1", invoice_id="inv_1", legal_entity=entity, total=invoice.total, posting_date=day
            ),
        ),
    ]


@pytest.fixture
async def exchanges(account: Account, key: RSAKey) -> list[Exchange]:
    """Everything that one contract from client to posted invoice says to NetSuite."""
    http = GuardedHttp(account.twin.url, allow_private_addresses=True)
    recording = Recording(http)
    settings = NetSuiteSettings(**SETTINGS, base_url=account.twin.url, allow_private_addresses=True)
    netsuite = NetSuite(settings, recording, {"private_key": sdk.Secret(key.as_pem(private=True).decode())}, {})
    links: dict[str, sdk.ExternalRef] = {}
    for kind, document in documents():
        envelope = sdk.Envelope(
            kind=kind,
            document_key=document.id,
            doc=sdk.plain(document),
            revision=1,
            key="0",
            marker=document.id,
            links=dict(links),
        )
        links[f"{kind}/{document.id}"] = await getattr(netsuite, f"put_{kind}")(envelope)
        assert (await getattr(netsuite, f"read_{kind}")([envelope]))[0] is not None
    await http.aclose()
    return recording.exchanges


async def test_every_record_call_of_the_connector_is_in_the_specification(
    exchanges: list[Exchange],
) -> None:
    seen = set()
    for method, path, call, answer in exchanges:
        if not path.startswith(RECORDS):
            continue
        kind = path.removeprefix(RECORDS).split("/")[1]
        operation = SPEC["paths"][f"/{kind}/{{id}}"][method.lower()]
        allowed = {parameter["name"] for parameter in operation["parameters"]}
        assert set(call.get("params") or {}) <= allowed
        assert {name for name in call["headers"] if name.startswith("X-NetSuite")} <= allowed
        if call.get("content"):
            check(kind, given(msgspec.json.decode(call["content"])))
        if answer.status == 200:
            check(kind, _numbers(answer.body))
        seen.add((method, kind))
    assert seen == {
        ("PUT", "customer"),
        ("PUT", "job"),
        ("PUT", "projectTask"),
        ("PATCH", "projectTask"),
        ("PUT", "billingSchedule"),
        ("PUT", "timeBill"),
        ("GET", "invoice"),
        ("PUT", "invoice"),
        ("PATCH", "invoice"),
    }


async def test_the_log_in_has_the_published_form(
    exchanges: list[Exchange],
) -> None:
    method, path, call, _ = exchanges[0]
    form = dict(parse_qsl(call["content"].decode()))
    assert (method, path) == ("POST", "/services/rest/auth/oauth2/v1/token")
    assert {**form, "client_assertion": "<JWT>"} == EXAMPLES["token_request_form"]
    head, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in form["client_assertion"].split(".")[:2]
    )
    assert {**head, "kid": "<certificate id>"} == EXAMPLES["jwt_header"]
    assert set(EXAMPLES["jwt_payload"]) <= set(claims)
    assert claims["exp"] - claims["iat"] < 3600


def test_records_collections_and_errors_of_the_look_alike_have_the_published_shape(
    account: Account, draft: str
) -> None:
    account.made("projectTask", "wbs_1", {"title": "T", "project": {"externalId": "prj_1"}, "estimatedWork": 8.5})
    time = {"employee": {"id": "55"}, "customer": {"externalId": "prj_1"}, "hours": "7.5", "tranDate": "2026-10-08"}
    account.made("timeBill", "chg_1", time)
    account.made("billingSchedule", "bil_1", {"name": "wbs_1", "scheduleType": {"id": "5"}})
    for kind in ("customer", "job", "projectTask", "timeBill", "billingSchedule", "invoice"):
        page = account.call("GET", kind).json()
        check(f"{kind}Collection", page)
        check(kind, account.call("GET", f"{kind}/{page['items'][0]['id']}").json())
    for period in account.call("GET", "accountingPeriod").json()["items"][:3]:
        check("accountingPeriod", account.call("GET", f"accountingPeriod/{period['id']}").json())
    for answer in (
        account.call("GET", "job/eid:none"),
        account.call("PUT", "customer/eid:x", {**CUSTOMER, "colour": 1}),
        account.query("SELECT nothing FROM nowhere"),
    ):
        check("nsError", answer.json())


def _numbers(body: Any) -> Any:
    """Exact decimals as the numbers that they were on the wire."""
    return json.loads(msgspec.json.Encoder(decimal_format="number").encode(body))
