"""What another configuration would change, asked before anybody starts it: nothing is connected, read or written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from api_house import House, record, replica

from flows import world as paper
from tieline.api.app import create_app
from tieline.bootstrap import supposed_setup
from tieline.engine.commands import EngineCommands
from tieline.engine.shards import shard_of
from tieline.kit.canonical import plain
from tieline.kit.errors import Defect

TENANT, LANE = "northwind", "contract:con_1"
FIRM = """
tenants:
  %(tenant)s:
    legal_entities:
      DE01: {name: Northwind GmbH, country: DE, currency: EUR, zone: Europe/Berlin, taxes: {STANDARD: 0.19}}
    roles:
      clm: ironclad
      erp: %(erp)s
    service_lines: [DATA]
    systems:
      ironclad:
        connector: ironclad
        base_url: https://ironclad.example
        client_id: tieline
        client_secret_ref: env:TIELINE_TEST_NOBODY_SETS_THIS
        as_user_email: hub@northwind.example
      books:
        connector: tryton
        base_url: https://tryton.example
        database: erp
        api_key_ref: file:/nowhere/tryton.key
        companies: {DE01: {id: 1, currency: EUR, receivable_account: 12, revenue_account: 40, journal: 1}}
      netsuite:
        connector: netsuite
        base_url: https://123456.example
        account: 123456_SB1
        client_id: abc
        certificate_id: kid
        private_key_ref: env:TIELINE_TEST_NOBODY_SETS_THIS
        subsidiaries: {DE01: "2"}
        currencies: {EUR: "4"}
        items: {DATA: "501"}
        tax_codes: {STANDARD: "7"}
        billing_resource: "900"
"""


def configuration(erp: str, tenant: str = TENANT) -> str:
    return FIRM % {"erp": erp, "tenant": tenant}


async def asked(house: House, text: str | None, tenant: str = TENANT) -> Any:
    body = {} if text is None else {"configuration": text}
    async with house.client(tenant) as http:
        return await http.post("/process/v1/contracts/con_1/plans", json=body)


@pytest.fixture
async def moving(house: House) -> AsyncIterator[House]:
    """A firm whose one contract is in step in Tryton."""
    landscape = {**house.services.landscape, TENANT: supposed_setup(TENANT, configuration("books"))}
    commands = EngineCommands(house.services.pool, landscape, lambda: house.clock[0])
    services = replace(house.services, landscape=landscape, commands=commands, compile_setup=supposed_setup)
    running = replace(house, app=create_app(services), services=services)
    house.seed("lanes", tenant_id=TENANT, lane=LANE, shard=shard_of(LANE), legal_entity="DE01")
    record(house, TENANT, "contract", "con_1", LANE, plain(paper.contract()))
    record(house, TENANT, "client_record", "cl_1", "client:cl_1", plain(paper.client()))
    for item in (await asked(running, None)).json()["items"]:
        replica(
            house, "con_1", item["kind"], item["key"], system="books", doc=item["after"], settled_revision=1,
            nature="state", planned_by=LANE,
        )  # fmt: skip
    yield running


async def test_under_its_own_configuration_nothing_changes_and_nothing_is_left(moving: House) -> None:
    found = (await asked(moving, None)).json()
    assert found["totals"] == {"create": 0, "update": 0, "end": 0} and len(found["items"]) >= 4
    assert found["left"] == []


async def test_a_legal_entity_that_moves_to_another_ERP_is_created_there_and_what_the_old_one_holds_is_left(
    moving: House,
) -> None:
    here = (await asked(moving, None)).json()["items"]
    answer = await asked(moving, configuration("netsuite"))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    changes = {(item["action"], item["system"], item["kind"], item["key"]) for item in found["items"]}
    assert changes == {("create", "netsuite", item["kind"], item["key"]) for item in here}
    [left] = found["left"]
    assert (left["system"], left["count"]) == ("books", len(here))
    assert set(left["replica_ids"]) == {item["replica_id"] for item in here}
    assert found["config_version"].startswith("cfg_") and found["holds"] == []


async def test_a_plan_under_another_configuration_cannot_be_applied_and_leaves_no_trace(moving: House) -> None:
    tables = ("replicas", "plans", "holds", "lane_dirty", "dependencies", "events", "effects", "due")
    before = [moving.rows(f"select count(*) from {table}") for table in tables]
    found = (await asked(moving, configuration("netsuite"))).json()
    assert found["plan_id"] is None
    assert [moving.rows(f"select count(*) from {table}") for table in tables] == before
    assert (await asked(moving, None)).json()["totals"]["create"] == 0, "the running configuration is what it was"


async def test_all_faults_of_a_configuration_are_named_with_line_and_column(moving: House) -> None:
    wrong = configuration("booksy").replace("currency: EUR, zone: Europe/Berlin", "currency: eur, zone: Europe/Berlin")
    answer = await asked(moving, wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "configuration_invalid")
    first = [fault["message"] for fault in answer.json()["errors"]]
    assert any(each.startswith("configuration:5:") and "ISO 4217" in each for each in first)
    second = (await asked(moving, configuration("booksy"))).json()["errors"]
    assert any("there is no system 'booksy'; did you mean 'books'?" in fault["message"] for fault in second)


async def test_a_configuration_that_does_not_describe_the_callers_firm_is_refused_in_a_sentence(moving: House) -> None:
    answer = await asked(moving, configuration("books", tenant="southwind"))
    assert (answer.status_code, answer.json()["code"]) == (422, "configuration_invalid")
    assert "does not describe your firm northwind" in answer.json()["detail"]


async def test_X6_another_firms_contract_is_not_there_under_any_configuration(moving: House) -> None:
    answer = await asked(moving, configuration("books", tenant="southwind"), tenant="southwind")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [1]\nb: *a\n", "aliases"),
        ("[" * 40 + "]" * 40, "32 levels"),
        ("tenants: {northwind: {", "not valid YAML"),
        ("tenants: \x07", "not text"),
        ("- 1\n", "a group of"),
        (configuration("books").replace("env:TIELINE_TEST_NOBODY_SETS_THIS", "hunter2"), "not be the secret itself"),
    ],
    ids=["alias", "deep", "broken", "bell", "list", "secret-in-clear"],
)
async def test_a_text_that_is_no_configuration_is_refused_and_never_repeated(
    moving: House, text: str, said: str
) -> None:
    answer = await asked(moving, text)
    assert (answer.status_code, answer.json()["code"]) == (422, "configuration_invalid")
    assert said in answer.text and "hunter2" not in answer.text


async def test_a_configuration_longer_than_a_request_is_refused_before_it_is_read(moving: House) -> None:
    answer = await asked(moving, "#" * (256 * 1024))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_supposed_firm_can_neither_call_a_system_nor_read_a_secret() -> None:
    system: Any = supposed_setup(TENANT, configuration("books")).systems["books"]
    with pytest.raises(Defect, match="No system is called"):
        await system.source.http.request("GET", "/")
    with pytest.raises(Defect, match="A secret is not read"):
        system.source.secrets["api_key"].reveal()


async def test_a_hub_that_was_given_no_compiler_says_so(house: House) -> None:
    record(house, TENANT, "contract", "con_1", LANE, plain(paper.contract()))
    house.seed("lanes", tenant_id=TENANT, lane=LANE, shard=shard_of(LANE), legal_entity="DE01")
    answer = await asked(house, configuration("books"))
    assert (answer.status_code, answer.json()["code"]) == (422, "rejected")
