"""X18: nobody makes the product talk to a place inside the network."""

from __future__ import annotations

import pytest

from tieline.adapters.egress import check_address
from tieline.adapters.http import GuardedHttp
from tieline.kit.errors import Blocked

FORBIDDEN_ADDRESSES = [
    "127.0.0.1", "127.8.8.8", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "100.127.255.254",
    "169.254.169.254", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "224.0.0.1", "ff02::1", "0.0.0.0", "::",
    "0.1.2.3", "255.255.255.255", "240.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
    "2002:7f00:1::", "::7f00:1", "192.0.0.192", "198.18.0.1", "203.0.113.9",
]  # fmt: skip
FORBIDDEN_URLS = [
    "http://8.8.8.8", "https://127.1", "https://2130706433", "https://0x7f000001", "https://0177.0.0.1",
    "https://0x7f.0.0.1", "https://erp.example.com.", "https://user@erp.example.com", "https://a:b@erp.example.com",
    "https://erp.example.com@127.0.0.1", "https://еrp.example.com", "https://erp.example.com\\@127.0.0.1",
    "https:// erp.example.com", "ftp://erp.example.com", "file:///etc/passwd", "https://", "https://erp.example.com?x=1",
    "https://erp.example.com#x", "https://erp.example.com:99999", "https://[::1", "https://1.2.3.4.5", "https://-a.com",
    "https://a..example.com", "https://127.0.0.1\t.example.com",
]  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_X18_an_address_inside_or_of_special_meaning_is_refused(address: str) -> None:
    with pytest.raises(Blocked) as raised:
        check_address(address, "erp.example.com", allow_private=False)
    assert raised.value.code == "ADDRESS_REFUSED"


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "fd00:ec2::254"]
)
def test_X18_metadata_and_group_addresses_are_refused_even_in_a_rehearsal(address: str) -> None:
    with pytest.raises(Blocked):
        check_address(address, "twin", allow_private=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "8.8.8.8", "2606:4700::1111"])
def test_a_rehearsal_may_use_private_addresses(address: str) -> None:
    check_address(address, "twin", allow_private=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_allowed(address: str) -> None:
    check_address(address, "erp.example.com", allow_private=False)


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_X18_a_disguised_address_is_refused_when_the_connection_is_configured(url: str) -> None:
    with pytest.raises(Blocked):
        GuardedHttp(url)


async def test_X18_a_public_name_that_leads_inside_is_refused_before_anything_is_sent() -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(Blocked, match="private address"):
        await GuardedHttp("https://erp.example.com", resolver=inside).request("POST", "/x", json={})


async def test_X18_a_literal_loopback_address_is_refused_without_the_setting() -> None:
    with pytest.raises(Blocked, match="private address"):
        await GuardedHttp("https://127.0.0.1:9").request("GET", "/x")
