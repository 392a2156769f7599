"""Where webhooks may go: never inside, whatever the address is written like and wherever its name leads (X18, X19)."""

from __future__ import annotations

import itertools

import pytest
from receiver import receiving

from tieline.adapters.postman import Postman, check_endpoint_url
from tieline.kit.errors import Rejected
from tieline.routing.filters import checked_filter
from tieline.routing.verdicts import Answered

HEADERS = {"webhook-id": "1"}
REFUSED = Answered(status=None, problem="address_refused")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/in", "https://10.1.2.3/in", "https://192.168.0.9/in", "https://172.16.4.4/in",
        "https://100.64.0.1/in", "https://169.254.169.254/latest", "https://224.0.0.1/in", "https://0.0.0.0/in",
        "https://[::1]/in", "https://[fe80::1]/in", "https://[fd00:ec2::254]/in", "https://[::ffff:10.0.0.1]/in",
        "https://[64:ff9b::a00:1]/in", "https://2130706433/in", "https://0x7f000001/in", "https://0177.0.0.1/in",
        "https://127.1/in", "https://user:pass@partner.example/in", "https://partner.example./in",
        "https://partner.example/in?x=1", "https://partner.example/in#x", "http://partner.example/in",
        "https://pärtner.example/in", "ftp://partner.example/in", "https://partner.example\\@10.0.0.1/in", "partner",
    ],
)  # fmt: skip
def test_X18_an_endpoint_inside_is_refused_when_it_is_registered(url: str) -> None:
    with pytest.raises(Rejected) as refused:
        check_endpoint_url(url, allow_private=False)
    assert refused.value.faults[0].path == "/url"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "100.64.0.1", "fd12::1"])
async def test_X18_a_name_that_leads_inside_is_never_called(address: str) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["93.184.216.34", address]  # a mixed answer is how rebinding starts

    post = Postman(resolver=resolver)
    assert await post.send("https://partner.example/in", HEADERS, b"{}") == REFUSED
    await post.aclose()


async def test_X19_a_name_is_judged_at_every_new_connection() -> None:
    answers = itertools.chain([["203.0.113.1"]], itertools.repeat(["127.0.0.1"]))
    asked = []

    async def resolver(host: str, port: int) -> list[str]:
        asked.append(found := next(answers))
        return found

    post = Postman(resolver=resolver, timeout_s=0.1)
    first = await post.send("https://rebound.example/in", HEADERS, b"{}")
    second = await post.send("https://rebound.example/in", HEADERS, b"{}")
    await post.aclose()
    assert first.status is None and second == REFUSED and len(asked) == 2


async def test_X18_a_private_address_is_called_only_when_the_settings_say_so_by_name() -> None:
    async with receiving() as partner:
        for allowed, status in ((False, None), (True, 200)):
            post = Postman(allow_private_addresses=allowed)
            assert (await post.send(partner.url(), HEADERS, b"{}")).status == status
            await post.aclose()
        assert len(partner.received) == 1


async def test_X20_a_redirect_is_an_answer_and_not_a_direction() -> None:
    async with receiving() as inside, receiving(lambda m: (302, {"location": inside.url()})) as partner:
        post = Postman(allow_private_addresses=True)
        assert (await post.send(partner.url(), HEADERS, b"{}")).status == 302
        await post.aclose()
        assert inside.received == []


def test_a_type_that_does_not_exist_is_refused_instead_of_being_silence() -> None:
    known = ["dev.tieline.invoice.posted.v1"]
    assert checked_filter(["dev.tieline.invoice.*"], [], known).wants(known[0], None)
    for wrong in ("dev.tieline.invoce.*", "dev.tieline.invoice.posted.v2", "*", "DROP TABLE"):
        with pytest.raises(Rejected):
            checked_filter([wrong], [], known)
