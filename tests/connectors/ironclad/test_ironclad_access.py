"""F10: tokens expire in the middle of a batch, and calls that meet it together ask for one new token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ironclad_records import OVERLAY, contract

from tieline import sdk
from tieline.connectors.ironclad.connector import Ironclad
from tieline.connectors.ironclad.settings import IroncladSettings

SETTINGS = IroncladSettings(
    base_url="https://ironclad.example.com", client_id="tieline", client_secret_ref="env:X", as_user_email="i@n.example"
)


class Vendor:
    """Ironclad's answers from memory; `expire` makes every token handed out so far worthless."""

    def __init__(self, *, knows_the_client: bool = True, takes_tokens: bool = True) -> None:
        self.tokens = 0
        self.valid = ""
        self.reads = 0
        self._knows_the_client = knows_the_client
        self._takes_tokens = takes_tokens

    def expire(self) -> None:
        self.valid = ""

    async def request(self, method: str, path: str, **options: Any) -> sdk.Answer:
        await asyncio.sleep(0)  # lets the other calls of the batch go first, as a network would
        if path == "/oauth/token":
            assert options["safe"] and b"client_credentials" in options["content"]
            if not self._knows_the_client:
                return sdk.Answer(status=400, headers={}, body={"error": "invalid_client"})
            self.tokens += 1
            self.valid = f"token-{self.tokens}"
            return sdk.Answer(status=200, headers={}, body={"access_token": self.valid, "expires_in": 3600})
        if not self._takes_tokens or options["headers"]["authorization"] != f"Bearer {self.valid}":
            raise sdk.CredentialInvalid("Ironclad does not accept the credentials.")
        assert options["headers"]["x-as-user-email"] == "i@n.example"
        self.reads += 1
        if path.endswith("/gone"):
            return sdk.Answer(status=404, headers={}, body={"code": "NOT_FOUND"})
        return sdk.Answer(status=200, headers={}, body={**contract(), "id": path.rsplit("/", 1)[1]})


def ironclad(vendor: Vendor) -> Ironclad:
    return Ironclad(SETTINGS, vendor, {"client_secret": sdk.Secret("s")}, OVERLAY)


async def test_one_token_serves_all_calls() -> None:
    vendor = Vendor()
    connector = ironclad(vendor)
    found = await connector.fetch("agreement", ["a", "gone", "b", "c", "d", "e"])
    assert [item.source_id if item else None for item in found] == ["a", None, "b", "c", "d", "e"]
    assert vendor.tokens == 1


async def test_F10_four_calls_that_meet_an_expired_token_renew_it_once() -> None:
    vendor = Vendor()
    connector = ironclad(vendor)
    await connector.fetch("agreement", ["a"])
    vendor.expire()
    assert len(await connector.fetch("agreement", ["a", "b", "c", "d"])) == 4
    assert vendor.tokens == 2


async def test_F10_a_token_that_is_refused_even_when_new_stops_the_connection() -> None:
    vendor = Vendor(takes_tokens=False)
    with pytest.raises(sdk.CredentialInvalid):
        await ironclad(vendor).fetch("agreement", ["a"])
    assert vendor.tokens == 2


async def test_a_refused_client_is_told_which_settings_to_check() -> None:
    with pytest.raises(sdk.CredentialInvalid, match="client_secret_ref"):
        await ironclad(Vendor(knows_the_client=False)).fetch("agreement", ["a"])


async def test_an_identifier_cannot_reach_another_address() -> None:
    vendor = Vendor()
    (found,) = await ironclad(vendor).fetch("agreement", ["../../webhooks?x=1"])
    assert found is not None and found.source_id == "..%2F..%2Fwebhooks%3Fx%3D1"
