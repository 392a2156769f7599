"""The look-alike refuses what the account refuses, and shows what integrators of NetSuite fall over."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from joserfc.jwk import RSAKey
from netsuite_account import CUSTOMER, Account


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["o:errorDetails"][0]["o:errorCode"]


@pytest.mark.parametrize(
    "flaw",
    [
        {"header": {"alg": "RS256"}},
        {"header": {"kid": "unknown"}},
        {"aud": "https://elsewhere.example/token"},
        {"iss": "someone"},
        {"exp": 1},
        {"iat": 4_000_000_000, "exp": 4_000_000_100},
        {"exp": 4_000_000_000},
    ],
)
def test_a_log_in_with_a_flaw_is_refused(account: Account, flaw: dict[str, Any]) -> None:
    assert account.log_in(account.assertion()).status_code == 200
    assert account.log_in(account.assertion(**flaw)).status_code == 401


def test_a_log_in_signed_by_another_key_is_refused(account: Account) -> None:
    account.key = RSAKey.generate_key(2048)
    assert account.log_in(account.assertion()).json() == {"error": "invalid_client"}


def test_a_token_dies_after_its_hour_and_when_it_is_revoked(account: Account) -> None:
    account.twin.advance(3599)
    assert account.call("GET", "job").status_code == 200
    account.twin.advance(2)
    assert code(account.call("GET", "job")) == (401, "INVALID_LOGIN")
    account.enter()
    account.twin.control("tokens/revoke", {})
    assert code(account.call("GET", "job")) == (401, "INVALID_LOGIN")


def test_an_unknown_name_is_ignored_by_default_and_an_error_when_asked_for(account: Account) -> None:
    record = {**CUSTOMER, "custentity_colour": "blue"}
    assert account.call("PUT", "customer/eid:a", record, strict=False).status_code == 204
    assert code(account.call("PUT", "customer/eid:b", record)) == (400, "NONEXISTENT_FIELD")
    assert "custentity_colour" not in account.call("GET", "customer/eid:a").json()


def test_a_put_by_external_id_creates_once_and_changes_afterwards(account: Account) -> None:
    id = account.made("customer", "cli_1", CUSTOMER)
    again = account.call("PUT", "customer/eid:cli_1", {"companyName": "Contoso GmbH"})
    assert (again.status_code, "location" in again.headers) == (204, False)
    read = account.call("GET", f"customer/{id}").json()
    assert (read["companyName"], read["externalId"], read["subsidiary"]["id"]) == ("Contoso GmbH", "cli_1", "2")
    entries = [(e["operation"], e["natural_key"], e["principal"]) for e in account.twin.journal()]
    assert entries == [("create", "cli_1", "client-1"), ("update", "cli_1", "client-1")]


def test_a_post_with_a_taken_external_id_is_refused_and_leaves_no_trace(account: Account) -> None:
    account.made("customer", "cli_1", CUSTOMER)
    assert code(account.call("POST", "customer", {**CUSTOMER, "externalId": "cli_1"})) == (400, "INVALID_CONTENT")
    assert len(account.twin.journal()) == 1


def test_an_unknown_reference_names_its_property(account: Account) -> None:
    answer = account.call("PUT", "job/eid:prj_1", {"companyName": "P", "parent": {"externalId": "nobody"}})
    assert code(answer) == (400, "INVALID_CONTENT")
    assert answer.json()["o:errorDetails"][0]["o:errorPath"] == "parent"


def test_a_missing_mandatory_value_is_a_business_rule(account: Account) -> None:
    assert code(account.call("PUT", "job/eid:prj_1", {})) == (400, "USER_ERROR")


def test_a_sublist_grows_unless_it_is_replaced(account: Account) -> None:
    line = {"addressBook": {"items": [{"label": "A", "addressBookAddress": {"city": "Bonn"}}]}}
    account.made("customer", "cli_1", {**CUSTOMER, **line})
    account.call("PATCH", "customer/eid:cli_1", line)
    assert account.call("GET", "customer/eid:cli_1").json()["addressBook"]["totalResults"] == 2
    account.call("PATCH", "customer/eid:cli_1", line, replace="addressBook")
    assert account.call("GET", "customer/eid:cli_1").json()["addressBook"]["totalResults"] == 1


def test_a_list_gives_internal_ids_only(account: Account) -> None:
    ids = [account.made("customer", f"cli_{n}", CUSTOMER) for n in range(3)]
    page = account.call("GET", "customer", limit="2").json()
    assert [item["id"] for item in page["items"]] == ids[:2]
    assert (page["hasMore"], page["totalResults"], set(page["items"][0])) == (True, 3, {"id", "links"})


def test_what_is_not_there_is_404(account: Account) -> None:
    for method, path in (("GET", "job/eid:x"), ("DELETE", "job/77"), ("PATCH", "job/eid:x"), ("GET", "elf/1")):
        assert code(account.call(method, path, {} if method == "PATCH" else None)) == (404, "NONEXISTENT_ID")


def test_a_pending_invoice_has_a_total_and_no_number_and_does_not_post(account: Account, draft: str) -> None:
    read = account.call("GET", f"invoice/{draft}").json()
    assert (read["subtotal"], read["taxTotal"], read["total"]) == (277.89, 55.58, 333.47)
    assert "tranId" not in read
    assert account.rows(f"SELECT debit FROM transactionaccountingline WHERE transaction = {draft}") == []


def test_an_approved_invoice_gets_its_number_and_a_balanced_ledger(account: Account, draft: str) -> None:
    account.call("PATCH", f"invoice/{draft}", {"approvalStatus": {"id": "2"}})
    assert account.call("GET", f"invoice/{draft}").json()["tranId"] == "INV1001"
    query = (
        "SELECT a.acctnumber, g.debit, g.credit FROM transactionaccountingline g JOIN account a ON a.id = g.account "
        f"WHERE g.transaction = {draft} ORDER BY g.transactionline"
    )
    assert account.rows(query) == [
        {"acctnumber": "1200", "debit": "333.47"},
        {"acctnumber": "4001", "credit": "277.89"},
        {"acctnumber": "2200", "credit": "55.58"},
    ]


def test_a_late_write_of_the_draft_takes_a_posted_invoice_out_of_the_ledger(account: Account, draft: str) -> None:
    """The danger of an upsert: nothing but the caller's own order protects what was approved."""
    account.call("PATCH", f"invoice/{draft}", {"approvalStatus": {"id": "2"}})
    account.call("PUT", "invoice/eid:inv_1", {"approvalStatus": {"id": "1"}})
    assert account.rows(f"SELECT debit FROM transactionaccountingline WHERE transaction = {draft}") == []


@pytest.mark.parametrize(("rounding", "tax"), [("document", "6.67"), ("line", "6.66")])
def test_tax_of_three_lines_of_11_11_depends_on_where_the_account_rounds(
    account: Account, draft: str, rounding: str, tax: str
) -> None:
    account.twin.control("amounts", {"rounding": rounding})
    line = {"item": {"id": "501"}, "quantity": 1, "rate": 11.11, "taxCode": {"id": "7"}}
    account.call("PATCH", f"invoice/{draft}", {"item": {"items": [line] * 3}}, replace="item")
    assert str(account.call("GET", f"invoice/{draft}").json()["taxTotal"]) == tax


@pytest.mark.parametrize("lock", ["closed", "arLocked", "allLocked"])
def test_O6_nothing_is_dated_or_posted_into_a_closed_period(account: Account, draft: str, lock: str) -> None:
    account.twin.control("period", {"on": "2026-10-15", lock: True})
    effects = len(account.twin.journal())
    assert code(account.call("PATCH", f"invoice/{draft}", {"approvalStatus": {"id": "2"}})) == (400, "USER_ERROR")
    assert code(account.call("PATCH", f"invoice/{draft}", {"memo": "x"})) == (400, "USER_ERROR")
    assert len(account.twin.journal()) == effects


def test_a_locked_record_is_refused_and_drops_out_of_searches_without_a_word(account: Account) -> None:
    account.made("customer", "cli_1", CUSTOMER)
    account.twin.control("lock", {"kind": "customer", "address": "eid:cli_1"})
    for method in ("GET", "PATCH", "DELETE"):
        record = {} if method == "PATCH" else None
        assert code(account.call(method, "customer/eid:cli_1", record)) == (400, "USER_ERROR")
    assert account.rows("SELECT id FROM customer ORDER BY id") == []
    account.twin.control("lock", {"kind": "customer", "address": "eid:cli_1", "locked": False})
    assert len(account.rows("SELECT id FROM customer ORDER BY id")) == 1


def test_a_full_pool_turns_everybody_away_and_says_so_in_one_of_two_ways(account: Account) -> None:
    account.twin.control("pool", {"size": 5, "outside": 5})
    assert code(account.call("GET", "job")) == (429, "CONCURRENCY_LIMIT_EXCEEDED")
    account.twin.control("pool", {"disguise": True})
    assert code(account.call("GET", "job")) == (401, "INVALID_LOGIN")


def test_a_killed_account_finds_its_records_and_tokens_again(account: Account) -> None:
    account.made("customer", "cli_1", CUSTOMER)
    account.twin.kill()
    account.twin.start()
    assert account.rows("SELECT externalid FROM customer ORDER BY id") == [{"externalid": "cli_1"}]


def test_suiteql_columns_are_lower_case_text_and_empty_ones_are_left_out(account: Account) -> None:
    account.made("customer", "cli_1", {**CUSTOMER, "isInactive": False})
    (row,) = account.rows(
        "SELECT c.id AS TheId, c.companyName, c.isInactive, c.defaultTaxReg FROM Customer c ORDER BY c.id"
    )
    assert row == {"theid": "9001", "companyname": "Contoso Ltd", "isinactive": "F"}


def test_suiteql_pages_of_an_ordered_query_neither_repeat_nor_miss(account: Account) -> None:
    employees = [{"id": str(10_000 + n), "name": f"E{n}"} for n in range(2500)]
    account.twin.control("seed", {"employee": employees})
    seen: list[str] = []
    more = True
    while more:
        page = account.query("SELECT id FROM employee ORDER BY id", limit="1000", offset=str(len(seen))).json()
        seen += [row["id"] for row in page["items"]]
        more = page["hasMore"]
    assert len(seen) == len(set(seen)) == page["totalResults"] == 2503


def test_suiteql_without_an_order_comes_as_it_likes(account: Account) -> None:
    account.twin.control("seed", {"employee": [{"id": str(n), "name": "E"} for n in range(100, 200)]})
    orders = {tuple(row["id"] for row in account.rows("SELECT id FROM employee")) for _ in range(3)}
    assert len(orders) > 1


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM customer",
        "SELECT * FROM customer",
        "SELECT colour FROM customer ORDER BY id",
        "SELECT id FROM galaxy ORDER BY id",
        "SELECT id FROM customer WHERE id = 1; DROP TABLE customer",
        "SELECT id FROM customer WHERE companyname LIKE 'C%' ORDER BY id",
        "SELECT id FROM customer ORDER BY",
    ],
)
def test_anything_outside_the_dialect_is_refused(account: Account, query: str) -> None:
    assert code(account.query(query)) == (400, "INVALID_PARAMETER")


def test_a_quote_in_a_value_is_a_value(account: Account) -> None:
    account.made("customer", "cli_1", {**CUSTOMER, "companyName": "O'Neil"})
    assert len(account.rows("SELECT id FROM customer WHERE companyname = 'O''Neil' ORDER BY id")) == 1


def test_F9_a_lagging_search_misses_a_finished_write_and_finds_it_later(account: Account) -> None:
    account.made("customer", "cli_1", CUSTOMER)
    account.twin.faults([{"fault": {"code": "F9"}, "match": {"path_regex": "suiteql"}, "times": 1}])
    query = "SELECT id FROM customer ORDER BY id"
    assert [len(account.rows(query)), len(account.rows(query))] == [0, 1]
