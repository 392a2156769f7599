"""The client that others use in production (PyPI netsuite 0.12.0, token-based access) drives the look-alike unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from netsuite import Config, TokenAuth
from netsuite.exceptions import NetsuiteAPIRequestError
from netsuite.rest_api import NetSuiteRestApi
from netsuite_account import CUSTOMER, Account


class LocalApi(NetSuiteRestApi):
    """Only the address differs: the client writes https and the vendor's host by itself."""

    def __init__(self, url: str, **secrets: str) -> None:
        pair = {"consumer_key": "ck", "consumer_secret": "cs", "token_id": "ti", "token_secret": "ts", **secrets}
        super().__init__(Config(account=pair.pop("account", "123456_SB1"), auth=TokenAuth(**pair)))
        self._url = url

    def _make_url(self, subpath: str) -> str:
        return f"{self._url}/services/rest{subpath}"


@pytest.fixture
def client(account: Account) -> LocalApi:
    return LocalApi(account.twin.url)


async def test_the_real_client_creates_reads_changes_and_deletes(client: LocalApi, account: Account) -> None:
    await client.put("/record/v1/customer/eid:cli_1", json=CUSTOMER)
    await client.patch("/record/v1/customer/eid:cli_1", json={"companyName": "Contoso GmbH"})
    read: Any = await client.get("/record/v1/customer/eid:cli_1")
    assert read["companyName"] == "Contoso GmbH"
    await client.delete("/record/v1/customer/eid:cli_1")
    assert [(e["operation"], e["principal"]) for e in account.twin.journal()] == [
        ("create", "ck"),
        ("update", "ck"),
        ("delete", "ck"),
    ]


async def test_the_real_client_pages_through_suiteql(client: LocalApi) -> None:
    for n in range(15):
        await client.put(f"/record/v1/customer/eid:cli_{n}", json=CUSTOMER)
    pages: list[Any] = [
        await client.suiteql("SELECT id, externalid FROM customer ORDER BY id", limit=10, offset=offset)
        for offset in (0, 10)
    ]
    assert [row["externalid"] for page in pages for row in page["items"]] == [f"cli_{n}" for n in range(15)]
    assert [page["hasMore"] for page in pages] == [True, False]


async def test_the_real_client_meets_the_vendors_error(client: LocalApi) -> None:
    """It asks for strict names in lower case, which the vendor accepts."""
    with pytest.raises(NetsuiteAPIRequestError, match="NONEXISTENT_FIELD"):
        await client.put("/record/v1/customer/eid:cli_1", json={**CUSTOMER, "colour": "blue"})


@pytest.mark.parametrize(
    "flaw", [{"consumer_secret": "x"}, {"token_secret": "x"}, {"token_id": "x"}, {"account": "999_SB9"}]
)
async def test_a_wrong_secret_or_account_is_a_failed_log_in(account: Account, flaw: dict[str, str]) -> None:
    with pytest.raises(NetsuiteAPIRequestError, match="INVALID_LOGIN"):
        await LocalApi(account.twin.url, **flaw).get("/record/v1/customer")


async def test_a_signature_from_another_hour_is_refused(client: LocalApi, account: Account) -> None:
    account.twin.advance(3600)
    with pytest.raises(NetsuiteAPIRequestError, match="INVALID_LOGIN"):
        await client.get("/record/v1/customer")
