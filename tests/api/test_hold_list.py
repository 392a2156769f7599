"""The list of all holds: what stops where, and also what never became a contract."""

from __future__ import annotations

from api_house import House, contract, hold
from psycopg.types.json import Jsonb

from tieline.kit.ids import uuid7


async def test_a_hold_of_a_message_that_became_no_contract_is_listed_too(house: House) -> None:
    contract(house, "con_1")
    hold(house, "con_1")
    house.seed(
        "holds", tenant_id="northwind", hold_id=uuid7(), lane="source:clm/rec-7", code="MAPPING_MISSING", subject="agreement rec-7",
        source="intake", owner="integration", sentence="legalEntity is 'DE09'.", way_out="Add it to the overlay.",
        evidence=Jsonb({}), case_key="MAPPING_MISSING",
    )  # fmt: skip
    async with house.client() as http:
        found = (await http.get("/experience/v1/holds")).json()
    assert [(each["code"], each["contract_id"]) for each in found["holds"]] == [
        ("TAX_CODE_UNKNOWN", "con_1"),
        ("MAPPING_MISSING", None),
    ]
    assert found["next_cursor"] is None


async def test_holds_come_a_page_at_a_time_and_none_twice(house: House) -> None:
    contract(house, "con_1")
    known = [hold(house, "con_1", subject=f"line:{n}") for n in range(3)]
    async with house.client() as http:
        first = (await http.get("/experience/v1/holds?limit=2")).json()
        second = (await http.get("/experience/v1/holds", params={"cursor": first["next_cursor"]})).json()
    assert [each["hold_id"] for each in first["holds"] + second["holds"]] == [str(each) for each in known]


async def test_holds_of_another_firm_are_not_there(house: House) -> None:
    contract(house, "con_1", tenant="southwind")
    hold(house, "con_1", tenant="southwind")
    async with house.client() as http:
        assert (await http.get("/experience/v1/holds")).json()["holds"] == []
