"""A connector on a real Tryton, and documents of one contract with ids of their own in every test."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from real import real_tryton  # noqa: F401
from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.tryton import Tryton, TrytonSettings
from tieline.domain.documents import Address
from tieline.entrypoints.rehearsal import tryton as rehearsal
from tieline.entrypoints.rehearsal.checks import Witness
from tieline.sdk.system import ConnectedSystem

D = Decimal
TODAY = datetime.now(
    UTC
).date()  # the ERP's clock cannot be moved; it warns of invoices from the future and of late ones
YEAR = TODAY.year


@pytest.fixture
def witness(real_tryton: rehearsal.Tryton) -> Iterator[Witness]:  # noqa: F811
    company = real_tryton.seed["companies"]["DE01"]["id"]
    with closing(Witness(real_tryton.url, real_tryton.seed["key"], company)) as reads:
        yield reads


@pytest.fixture
def controller(real_tryton: rehearsal.Tryton) -> Iterator[Witness]:  # noqa: F811
    company = real_tryton.seed["companies"]["DE01"]["id"]
    with closing(Witness(real_tryton.url, real_tryton.seed["controller_key"], company)) as acts:
        yield acts


Connect = Callable[..., ConnectedSystem]


@pytest_asyncio.fixture
async def connect(real_tryton: rehearsal.Tryton) -> AsyncIterator[Connect]:  # noqa: F811
    """A connector with the seed's settings; keywords change them, `key` is another user's."""
    http = GuardedHttp(real_tryton.url, name="Tryton", allow_private_addresses=True)

    def connected(key: str | None = None, through: Any = None, **changes: Any) -> ConnectedSystem:
        values = rehearsal.settings_from_seed(real_tryton.seed, real_tryton.url) | changes
        secrets = {"api_key": sdk.Secret(key or real_tryton.seed["key"])}
        return ConnectedSystem("erp", Tryton(TrytonSettings(**values), through or http, secrets, {}))

    connected.http = http  # type: ignore[attr-defined]
    yield connected
    await http.aclose()


@pytest.fixture
def erp(connect: Connect) -> ConnectedSystem:
    return connect()


@dataclass
class Story:
    """The documents of one contract and where the engine has found them so far."""

    tag: str
    legal_entity: str = "DE01"
    currency: str = "EUR"
    links: dict[str, sdk.ExternalRef] = field(default_factory=dict)

    def id(self, kind: str, *names: str) -> str:
        return sdk.stable_id(kind, self.tag, *names)

    def client(self, **changes: Any) -> sdk.Client:
        client = sdk.Client(
            id=self.id("cli"),
            name=f"Acme {self.tag}",
            legal_entity=self.legal_entity,
            currency=self.currency,
            tax_code="STANDARD",
            address=Address(street="Invalidenstr. 116", city="Berlin", postal_code="10115", country="DE"),
            tax_registration=f"DE{int(self.tag, 16) % 10**9:09d}",
        )
        return replace(client, **changes)

    def project(self, **changes: Any) -> sdk.Project:
        project = sdk.Project(
            id=self.id("prj"),
            contract_id=self.id("con"),
            client_id=self.id("cli"),
            name=f"Data platform {self.tag}",
            legal_entity=self.legal_entity,
            currency=self.currency,
            starts_on=date(YEAR, 1, 1),
            ends_on=date(YEAR + 1, 1, 1),
        )
        return replace(project, **changes)

    def element(self, name: str = "Build", service_line: str = "DATA", **changes: Any) -> sdk.WorkElement:
        element = sdk.WorkElement(
            id=self.id("wel", name),
            project_id=self.id("prj"),
            name=name,
            legal_entity=self.legal_entity,
            service_line=service_line,
            planned_hours=D("120.50"),
            starts_on=date(YEAR, 1, 1),
            ends_on=date(YEAR + 1, 1, 1),
        )
        return replace(element, **changes)

    def rule(self, rate: str, name: str = "Build", valid_from: date = date(YEAR, 1, 1)) -> sdk.BillingRule:
        return sdk.BillingRule(
            id=self.id("bru", name, valid_from.isoformat()),
            work_element_id=self.id("wel", name),
            project_id=self.id("prj"),
            legal_entity=self.legal_entity,
            strategy="time_and_materials",
            unit="hour",
            rate=sdk.Money(D(rate), self.currency),
            valid_from=valid_from,
        )

    def charge(self, hours: str, rate: str, name: str = "Build", **changes: Any) -> sdk.TimeCharge:
        charge = sdk.TimeCharge(
            id=self.id("chg", name, hours),
            time_entry_id=self.id("tim", name, hours),
            work_element_id=self.id("wel", name),
            project_id=self.id("prj"),
            legal_entity=self.legal_entity,
            resource_id="res_ada",
            work_date=TODAY,
            hours=D(hours),
            rate=sdk.Money(D(rate), self.currency),
            amount=sdk.Money(D(hours) * D(rate), self.currency).rounded(),
            narrative="Migrated the\n warehouse (100 %)",
        )
        return replace(charge, **changes)

    def invoice(self, *lines: tuple[str, str, str], on: date = TODAY, name: str = "1") -> sdk.Invoice:
        """`lines`: quantity, unit price, amount. Tax is 20 % of the sum, rounded once (EX-2.2)."""
        whole = tuple(
            sdk.InvoiceLine(
                position=position,
                description=f"Build, line {position}",
                quantity=D(quantity),
                unit_price=D(price),
                amount=sdk.Money(D(amount), self.currency),
                charge_ids=(self.id("chg", str(position)),),
                work_element_id=self.id("wel", "Build"),
            )
            for position, (quantity, price, amount) in enumerate(lines, 1)
        )
        net = sum((line.amount.amount for line in whole), D(0))
        tax = sdk.Money(net * D("0.20"), self.currency).rounded()
        return sdk.Invoice(
            id=self.id("inv", name),
            contract_id=self.id("con"),
            project_id=self.id("prj"),
            client_id=self.id("cli"),
            legal_entity=self.legal_entity,
            currency=self.currency,
            invoice_date=on,
            tax_code="STANDARD",
            tax_rate=D("0.20"),
            lines=whole,
            net=sdk.Money(net, self.currency),
            tax=tax,
            total=sdk.Money(net, self.currency) + tax,
        )

    def posting(self, invoice: sdk.Invoice) -> sdk.InvoicePosting:
        return sdk.InvoicePosting(
            id=self.id("pst", invoice.id),
            invoice_id=invoice.id,
            legal_entity=self.legal_entity,
            total=invoice.total,
            posting_date=invoice.invoice_date,
        )

    def envelope(self, document: Any, ref: sdk.ExternalRef | None = None) -> sdk.Envelope:
        return sdk.Envelope(
            kind=KINDS[type(document)],
            document_key=document.id,
            doc=sdk.plain(document),
            revision=1,
            key="00" * 16,
            marker=document.id,
            ref=ref,
            links=dict(self.links),
            legal_entity=document.legal_entity,
        )

    async def put(self, erp: ConnectedSystem, document: Any) -> sdk.ExternalRef:
        """As the engine does: with the reference it knows, remembering the one it gets."""
        name = f"{KINDS[type(document)]}/{document.id}"
        self.links[name] = await erp.put(self.envelope(document, self.links.get(name)))
        return self.links[name]

    async def seen(self, erp: ConnectedSystem, document: Any) -> Any:
        """What the system holds for a document, in canonical fields; None: nothing."""
        name = f"{KINDS[type(document)]}/{document.id}"
        (observed,) = await erp.read([self.envelope(document, self.links[name])])
        return None if observed is None else observed.doc

    async def put_up_to_project(self, erp: ConnectedSystem) -> None:
        for document in (self.client(), self.project(), self.element()):
            await self.put(erp, document)


KINDS: dict[type[Any], str] = {
    sdk.Client: "client",
    sdk.Project: "project",
    sdk.WorkElement: "work_element",
    sdk.BillingRule: "billing_rule",
    sdk.TimeCharge: "time_charge",
    sdk.Invoice: "invoice",
    sdk.InvoicePosting: "invoice_posting",
}


@pytest.fixture
def story() -> Story:
    return Story(tag=uuid.uuid4().hex[:8])


def carried(document: Any, seen: dict[str, Any]) -> dict[str, Any]:
    """The fields of a document that the system carries."""
    whole = sdk.plain(document)
    return {name: whole[name] for name in seen}
