"""Notices leave as signed CloudEvents: what a receiver sees, and what each of its answers means."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook

from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.announcements.connector import Announcements
from tieline.connectors.announcements.settings import AnnouncementsSettings
from tieline.connectors.announcements.signature import signed
from tieline.domain.fact_examples import EXAMPLES
from tieline.domain.facts import InvoicePosted
from tieline.kit.canonical import plain
from tieline.twins.process import Served, served

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of shared secret").decode()
OTHER = "whsec_" + base64.b64encode(b"thirty-two bytes of a stranger's!").decode()
POSTED = next(plain(example) for example in EXAMPLES if isinstance(example, InvoicePosted))
NOTICE = sdk.Envelope(
    kind="invoice_notice", document_key="ntc_1", doc=POSTED, revision=1, key="0f" * 16, marker="ntc_1",
    legal_entity="DE01",
)  # fmt: skip


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served("mailbox", tmp_path_factory.mktemp("mailbox"), secret=SECRET) as twin:
        yield twin


@pytest.fixture
def mailbox(process: Served) -> Served:
    process.heal()
    process.control("reset", {})
    return process


@pytest.fixture
async def http(mailbox: Served) -> AsyncIterator[GuardedHttp]:
    client = GuardedHttp(mailbox.url, name="The mailbox", allow_private_addresses=True)
    yield client
    await client.aclose()


def connector(http: GuardedHttp, *, secret: str = SECRET, path: str = "/notices", ahead_s: int = 0) -> Announcements:
    settings = AnnouncementsSettings(
        base_url="http://127.0.0.1", path=path, signing_secret_ref="env:S", source="/northwind/tieline"
    )
    secrets = {"signing_secret": sdk.Secret(secret)}
    return Announcements(settings, http, secrets, {}, now=lambda: datetime.now(UTC) + timedelta(seconds=ahead_s))


async def test_a_posted_invoice_is_announced_with_its_figures_exactly_as_posted(
    mailbox: Served, http: GuardedHttp
) -> None:
    reference = await connector(http).put_invoice_notice(NOTICE)
    (arrived,) = mailbox.journal()
    assert arrived["payload"] == {
        "specversion": "1.0",
        "id": "ntc_1",
        "source": "/northwind/tieline",
        "type": "dev.tieline.invoice.posted.v1",
        "subject": f"invoice:{POSTED['invoice_id']}",
        "datacontenttype": "application/json",
        "data": POSTED,
    }
    assert arrived["payload"]["data"]["total"] == {"amount": "1904.00", "currency": "EUR"}
    assert reference.id == arrived["idempotency_key"] == NOTICE.key


def test_any_standard_webhooks_library_accepts_the_signature() -> None:
    body = json.dumps({"über": "alles signiert"}, ensure_ascii=False).encode()
    headers = signed("msg-1", body, sdk.Secret(SECRET), datetime.now(UTC))
    assert Webhook(SECRET).verify(body, headers) == {"über": "alles signiert"}


def test_a_secret_that_protects_nothing_is_refused_before_anything_is_sent() -> None:
    for weak in ("", "whsec_", "whsec_c2hvcnQ=", "not base64 at all!"):
        with pytest.raises(sdk.CredentialInvalid, match="24 random bytes"):
            signed("msg-1", b"{}", sdk.Secret(weak), datetime.now(UTC))


async def test_a_second_try_of_one_notice_bears_the_same_webhook_id_so_that_a_receiver_can_drop_it(
    mailbox: Served, http: GuardedHttp
) -> None:
    for _ in range(2):
        await connector(http).put_invoice_notice(NOTICE)
    assert [each["operation"] for each in mailbox.journal()] == ["receive", "double"]
    kept = httpx2.get(f"{mailbox.url}/notices").json()["items"]
    assert [each["id"] for each in kept] == [NOTICE.key]


async def test_two_notices_are_two_messages(mailbox: Served, http: GuardedHttp) -> None:
    await connector(http).put_invoice_notice(NOTICE)
    await connector(http).put_invoice_notice(replace(NOTICE, document_key="ntc_2", key="1e" * 16))
    assert [each["natural_key"] for each in mailbox.journal()] == ["ntc_1", "ntc_2"]


async def test_a_receiver_that_does_not_know_the_secret_is_a_matter_of_credentials(
    mailbox: Served, http: GuardedHttp
) -> None:
    with pytest.raises(sdk.CredentialInvalid):
        await connector(http, secret=OTHER).put_invoice_notice(NOTICE)
    with pytest.raises(sdk.CredentialInvalid):
        await connector(http, ahead_s=600).put_invoice_notice(NOTICE)
    assert mailbox.journal() == []


async def test_a_refusal_names_the_path_and_the_status_and_nothing_was_told(mailbox: Served, http: GuardedHttp) -> None:
    with pytest.raises(sdk.Rejected, match=r"/letters \(status 404\)"):
        await connector(http, path="/letters").put_invoice_notice(NOTICE)
    assert mailbox.journal() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"code": "F3", "where": "before_headers", "effect": True},
        {"code": "F4", "status": 500, "effect": True},
        {"code": "F4", "status": 503, "effect": False},
    ],
)
async def test_D4_an_answer_that_was_lost_is_unknown_and_never_taken_for_a_failure(
    mailbox: Served, http: GuardedHttp, fault: dict[str, object]
) -> None:
    mailbox.faults([{"match": {"method": "POST"}, "fault": fault, "times": 1}])
    with pytest.raises(sdk.Unknown):
        await connector(http).put_invoice_notice(NOTICE)


async def test_a_receiver_that_asks_for_less_was_certainly_not_told(mailbox: Served, http: GuardedHttp) -> None:
    mailbox.faults([{"match": {"method": "POST"}, "fault": {"code": "F7", "retry_after_s": 7}, "times": 1}])
    with pytest.raises(sdk.Throttled) as refused:
        await connector(http).put_invoice_notice(NOTICE)
    assert refused.value.retry_after_s == 7
    assert mailbox.journal() == []


def test_a_lost_answer_is_for_nobody_to_repeat_and_nothing_is_read_back() -> None:
    (operation,) = Announcements.manifest.operations.values()
    assert (operation.kind, operation.op_class, operation.observable) == ("invoice_notice", "N", False)


def test_a_path_that_leads_elsewhere_is_refused_when_it_is_written() -> None:
    for path in ("notices", "https://elsewhere.example", "/two words", ""):
        with pytest.raises(ValueError, match="path"):
            AnnouncementsSettings(base_url="https://a.example", path=path, signing_secret_ref="env:S")
