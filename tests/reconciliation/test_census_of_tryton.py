"""C3 with the real ERP: what a controller does in Tryton is found, kind by kind, and nothing else."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from census_firm import Firm, envelope, firm
from drift_planted import sent_before

from database import Database
from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.tryton import Tryton, TrytonSettings
from tieline.domain.documents import Address
from tieline.entrypoints.rehearsal import tryton as rehearsal
from tieline.sdk.system import ConnectedSystem

pytestmark = pytest.mark.real
YEAR = datetime.now(UTC).year


@pytest_asyncio.fixture
async def books(database: Database, real_tryton: rehearsal.Tryton) -> AsyncIterator[Firm]:
    http = GuardedHttp(real_tryton.url, name="Tryton", allow_private_addresses=True)
    settings = TrytonSettings(**rehearsal.settings_from_seed(real_tryton.seed, real_tryton.url))
    system = ConnectedSystem("erp", Tryton(settings, http, {"api_key": sdk.Secret(real_tryton.seed["key"])}, {}))
    async with firm(database, system) as made:
        yield made
    await http.aclose()


class Paper:
    """Clients with a project each, under ids of their own."""

    def __init__(self, count: int) -> None:
        self.tag = uuid.uuid4().hex[:8]
        self.clients = [self.client(n) for n in range(count)]
        self.projects = [self.project(n) for n in range(count)]

    def client(self, number: int) -> sdk.Client:
        return sdk.Client(
            id=sdk.stable_id("cli", self.tag, str(number)), name=f"Acme {self.tag} {number}", legal_entity="DE01",
            currency="EUR", tax_code="STANDARD", tax_registration=f"DE{int(self.tag, 16) % 10**6:06d}{number:03d}",
            address=Address(street="Invalidenstr. 116", city="Berlin", postal_code="10115", country="DE"),
        )  # fmt: skip

    def project(self, number: int) -> sdk.Project:
        return sdk.Project(
            id=sdk.stable_id("prj", self.tag, str(number)), contract_id="con", client_id=self.clients[number].id,
            name=f"Platform {self.tag} {number}", legal_entity="DE01", currency="EUR",
            starts_on=datetime(YEAR, 1, 1, tzinfo=UTC).date(), ends_on=datetime(YEAR + 1, 1, 1, tzinfo=UTC).date(),
        )  # fmt: skip


async def in_books(books: Firm, paper: Paper) -> None:
    for client in paper.clients:
        books.refs[client.id] = await books.system.put(envelope("client", client))
    for project in paper.projects:
        links = {f"client/{project.client_id}": books.refs[project.client_id]}
        books.refs[project.id] = await books.system.put(envelope("project", project, links=links))
    await books.plan("client", paper.clients)
    await books.plan("project", paper.projects)


async def test_C3_drift_in_the_real_books_is_found_and_nothing_else(books: Firm, real_tryton: rehearsal.Tryton) -> None:
    paper = Paper(8)
    await in_books(books, paper)
    assert isinstance(books.system, ConnectedSystem)
    connector: Any = books.system.source
    company = real_tryton.seed["companies"]["DE01"]["id"]
    ids = [int(books.refs[project.id].id) for project in paper.projects]
    await connector.wire.write(company, "project.work", ids[0], {"name": "Renamed by a person"}, ["name"])
    await connector.wire.write(company, "project.work", ids[1], {"comment": "our mark was wiped out"}, ["name"])
    double = paper.projects[2]
    values = {"type": "project", "company": company, "name": double.name, "comment": double.id,
              "party": int(books.refs[double.client_id].id), "project_invoice_method": "manual"}  # fmt: skip
    await connector.wire.create(company, "project.work", values, ["name"])
    party = int(books.refs[paper.clients[3].id].id)
    await connector.wire.write(company, "party.party", party, {"name": "Renamed as well"}, ["name"])

    clients = await books.run("client")
    mine = {key: kind for key, kind in (await books.drift(clients)).items() if kind != "orphan"}
    assert mine == {paper.clients[3].id: "differs"}
    projects = await books.run("project")
    found = await books.drift(projects)
    planned = {project.id for project in paper.projects}
    assert {key: kind for key, kind in found.items() if key in planned} == {
        paper.projects[0].id: "differs",
        double.id: "duplicate",
    }
    unread = await books.rows(
        "select replica_id, class, state from census_drift where state <> 'told' and class <> 'orphan'"
    )
    assert [row["replica_id"].rpartition("/")[2] for row in unread] == [paper.projects[1].id]  # there, without our mark


class Controller:
    """Somebody at work in Tryton itself, through its own interface."""

    def __init__(self, books: Firm, company: int) -> None:
        self.books, self.company = books, company
        assert isinstance(books.system, ConnectedSystem)
        connector: Any = books.system.source
        self.wire = connector.wire

    def _id(self, document: Any) -> int:
        return int(self.books.refs[document.id].id)

    async def rename(self, model: str, document: Any, name: str) -> None:
        await self.wire.write(self.company, model, self._id(document), {"name": name}, ["name"])

    async def delete(self, model: str, document: Any) -> None:
        await self.wire._call("DELETE", f"{model}/{self._id(document)}", self.company, [])

    async def double(self, project: sdk.Project) -> None:
        values = {"type": "project", "company": self.company, "name": project.name, "comment": project.id,
                  "party": int(self.books.refs[project.client_id].id), "project_invoice_method": "manual"}  # fmt: skip
        await self.wire.create(self.company, "project.work", values, ["name"])


async def there(books: Firm, kind: str, before: dict[str, str]) -> tuple[Any, dict[str, str]]:
    """A census, and what it found beyond what stood there from other tests."""
    run = await books.run(kind)
    return run, {key: found for key, found in (await books.drift(run)).items() if key not in before}


async def test_C3_planted_drift_of_every_class_in_the_real_books_is_found_whole_and_nothing_else(
    books: Firm, real_tryton: rehearsal.Tryton
) -> None:
    chance, paper = random.Random(20), Paper(50)
    projects, loose = paper.projects[:32], paper.clients[32:]  # a client with a project cannot be deleted
    strangers = [replace(each, client_id=paper.clients[0].id) for each in paper.projects[40:44]]
    paper.projects = projects
    await in_books(books, paper)
    before = {kind: (await there(books, kind, {}))[1] for kind in ("client", "project")}
    person = Controller(books, real_tryton.seed["companies"]["DE01"]["id"])

    chosen = chance.sample(projects, 16)
    edited, gone, twice, stale = (chosen[at : at + 4] for at in range(0, 16, 4))
    for each in edited:
        await person.rename("project.work", each, f"{each.name} by a person")
    for each in gone:
        await person.delete("project.work", each)
    for each in twice:
        await person.double(each)
    for each in stale:
        await sent_before(books, each, kind="project")
    for each in strangers:
        links = {f"client/{each.client_id}": books.refs[each.client_id]}
        await books.system.put(envelope("project", each, links=links))
    classes = {"differs": edited, "missing": gone, "duplicate": twice, "stale": stale, "orphan": strangers}
    planted = {each.id: kind for kind, some in classes.items() for each in some}
    assert (await there(books, "project", before["project"]))[1] == planted

    renamed, deleted = loose[:4], loose[4:8]
    for party in renamed:
        await person.rename("party.party", party, f"{party.name} GmbH")
    for party in deleted:
        await person.delete("party.party", party)
    run, found = await there(books, "client", before["client"])
    assert found == {each.id: "differs" for each in renamed} | {each.id: "missing" for each in deleted}

    await books.repair(run)
    await books.push()
    for party in (*renamed, *deleted):
        (row,) = await books.rows("select external->>'id' as id from replicas where key = %s", party.id)
        (seen,) = await person.wire.search(person.company, "party.party", [["id", "=", int(row["id"])]], ["name"])
        assert seen["name"] == party.name
    assert (await there(books, "client", before["client"]))[1] == {}


async def test_every_kind_that_tryton_lists_reads_as_it_is_read_back(books: Firm) -> None:
    paper = Paper(2)
    await in_books(books, paper)
    assert isinstance(books.system, ConnectedSystem)
    for kind in ("client", "project"):
        documents = paper.clients if kind == "client" else paper.projects
        markers = tuple(each.id for each in documents)
        listing = await books.system.list_documents(kind, sdk.ListOrder(markers=markers))
        by_marker = {each.marker: each for each in listing.rows}
        read = await books.system.read([envelope(kind, each, books.refs[each.id]) for each in documents])
        listed = [books.system.listed(kind, by_marker[each.id], sdk.plain(each)) for each in documents]
        assert [each.doc for each in listed] == [each.doc for each in read if each is not None]
    for kind in books.system.listed_kinds:
        assert isinstance(
            await books.system.list_documents(kind, sdk.ListOrder(changed_since=datetime.now(UTC))), sdk.Listing
        )
