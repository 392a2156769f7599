"""Whatever NetSuite refuses ends as the right error with a sentence a project manager understands."""

from __future__ import annotations

from typing import Any

import netsuite_documents as d
import pytest

from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.connectors.netsuite import NetSuite, NetSuiteSettings
from tieline.twins.process import Served


class _Shop:
    """Raw records, as somebody else's integration or a person would leave them."""

    def __init__(self, netsuite: NetSuite) -> None:
        self._wire = netsuite._wire

    async def customer(self, **fields: Any) -> str:
        record = {"companyName": "Contoso Ltd", "subsidiary": {"id": "2"}, **fields}
        answer = await self._wire.call("POST", "/services/rest/record/v1/customer", json=record)
        return answer.headers["location"].rpartition("/")[2]


async def drafted(netsuite: NetSuite) -> tuple[sdk.Envelope, sdk.Envelope]:
    await netsuite.put_client(d.envelope(d.client()))
    await netsuite.put_project(d.envelope(d.project()))
    await netsuite.put_work_element(d.envelope(d.work_element()))
    links = {"work_element/wbs_1": sdk.ExternalRef(id="0", extra={"item": "501"})}
    invoice = d.invoice(tax="55.58", total="333.47")
    draft = d.envelope(invoice, links)
    await netsuite.put_invoice(draft)
    return draft, d.envelope(d.posting(invoice))


async def test_two_customers_that_look_alike_are_for_a_person_and_both_ids_are_named(
    netsuite: NetSuite, twin: Served
) -> None:
    shop = _Shop(netsuite)
    by_name, by_tax = await shop.customer(), await shop.customer(companyName="Contoso", defaultTaxReg="US-99")
    with pytest.raises(sdk.Blocked) as blocked:
        await netsuite.put_client(d.envelope(d.client()))
    assert blocked.value.code == "CLIENT_AMBIGUOUS"
    assert by_name in blocked.value.detail and by_tax in blocked.value.detail
    assert not [entry for entry in twin.journal() if entry["natural_key"] == "cli_1"]


async def test_one_customer_that_is_the_client_already_is_taken_over_and_not_doubled(
    netsuite: NetSuite, twin: Served
) -> None:
    existing = await _Shop(netsuite).customer(defaultTaxReg="US-99")
    taken = await netsuite.put_client(d.envelope(d.client()))
    assert taken.id == existing
    assert [(entry["operation"], entry["natural_key"]) for entry in twin.journal()][-1] == ("update", "cli_1")


async def test_a_look_alike_of_another_integration_is_never_taken_over(netsuite: NetSuite) -> None:
    await _Shop(netsuite).customer(externalId="crm-77")
    with pytest.raises(sdk.Blocked, match="external id"):
        await netsuite.put_client(d.envelope(d.client()))


async def test_inactive_customers_and_those_of_another_subsidiary_are_no_look_alikes(netsuite: NetSuite) -> None:
    shop = _Shop(netsuite)
    strangers = {await shop.customer(isInactive=True), await shop.customer(subsidiary={"id": "3"})}
    assert (await netsuite.put_client(d.envelope(d.client()))).id not in strangers


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (d.client(legal_entity="FR01"), "subsidiary"),
        (d.client(currency="KWD"), "currency"),
        (d.client(tax_code="REDUCED"), "tax code"),
        (d.work_element(service_line="LEGAL"), "service item"),
        (d.time_charge(resource_id="res_new"), "employee"),
    ],
)
async def test_a_word_without_a_netsuite_id_is_held_before_anything_is_written(
    netsuite: NetSuite, twin: Served, document: Any, word: str
) -> None:
    links = {"work_element/wbs_1": sdk.ExternalRef(id="1", extra={"item": "501"})}
    envelope = d.envelope(document, links)
    with pytest.raises(sdk.Blocked, match=f"no {word} for") as blocked:
        await getattr(netsuite, f"put_{envelope.kind}")(envelope)
    assert blocked.value.code == "MAPPING_MISSING"
    assert twin.journal() == []


async def test_the_overlay_fills_what_the_settings_leave_open(
    settings: NetSuiteSettings, netsuite: NetSuite, http: GuardedHttp
) -> None:
    tailored = NetSuite(settings, http, netsuite.secrets, {"resource_id": {"56": "res_new"}})
    assert tailored._tables.employees.id_of("res_new") == "56"
    assert tailored._tables.employees.word_of("56") == "res_new"


async def test_a_fixed_fee_rule_is_held_because_this_mapping_bills_hours(netsuite: NetSuite) -> None:
    with pytest.raises(sdk.Blocked, match="time and materials"):
        await netsuite.put_billing_rule(d.envelope(d.billing_rule(strategy="fixed_fee")))


@pytest.mark.parametrize("lock", ["closed", "arLocked", "allLocked"])
async def test_O6_a_closed_period_blocks_draft_and_posting_and_names_the_period(
    netsuite: NetSuite, twin: Served, lock: str
) -> None:
    draft, order = await drafted(netsuite)
    twin.control("period", {"on": "2026-10-31", lock: True})
    for call, envelope in ((netsuite.put_invoice, draft), (netsuite.put_invoice_posting, order)):
        with pytest.raises(sdk.Blocked, match="Oct 2026") as blocked:
            await call(envelope)
        assert blocked.value.code == "PERIOD_CLOSED"
    assert await netsuite.find_invoice_posting(order) is None


async def test_a_locked_record_is_refused_with_the_vendors_reason_and_not_taken_for_a_closed_period(
    netsuite: NetSuite, twin: Served
) -> None:
    draft, _ = await drafted(netsuite)
    twin.control("lock", {"kind": "invoice", "address": "eid:inv_1"})
    with pytest.raises(sdk.Rejected, match="locked"):
        await netsuite.put_invoice(draft)


async def test_a_reference_that_is_not_there_is_rejected_with_its_field(netsuite: NetSuite) -> None:
    with pytest.raises(sdk.Rejected) as rejected:
        await netsuite.put_project(d.envelope(d.project()))
    assert rejected.value.faults[0].path == "/parent"


async def test_a_full_pool_is_throttling_and_no_failure(netsuite: NetSuite, twin: Served) -> None:
    twin.control("pool", {"size": 5, "outside": 5})
    with pytest.raises(sdk.Throttled):
        await netsuite.put_client(d.envelope(d.client()))


async def test_overload_that_looks_like_a_failed_login_is_throttling_while_log_ins_work(
    netsuite: NetSuite, twin: Served
) -> None:
    await netsuite.find_client(d.envelope(d.client()))
    twin.control("pool", {"size": 5, "outside": 5, "disguise": True})
    with pytest.raises(sdk.Throttled, match="overloaded"):
        await netsuite.find_client(d.envelope(d.client()))


async def test_the_restlet_dialect_of_the_shared_limit_is_throttling(netsuite: NetSuite, twin: Served) -> None:
    twin.faults([{"fault": {"code": "F7", "dialect": "400_limit"}, "match": {"path_regex": "record"}}])
    with pytest.raises(sdk.Throttled):
        await netsuite.put_project(d.envelope(d.project()))


async def test_a_role_without_the_right_blocks_and_says_who_must_act(netsuite: NetSuite) -> None:
    class Refusing:
        async def request(self, method: str, path: str, **given: Any) -> sdk.Answer:
            if path.endswith("/token"):
                return sdk.Answer(status=200, headers={}, body={"access_token": "t", "expires_in": "3600"})
            detail = {"detail": "You need the 'Projects' permission.", "o:errorCode": "INSUFFICIENT_PERMISSION"}
            return sdk.Answer(status=403, headers={}, body={"o:errorDetails": [detail]})

    refusing = NetSuite(netsuite.settings, Refusing(), netsuite.secrets, {})
    with pytest.raises(sdk.Blocked, match="Projects") as blocked:
        await refusing.put_project(d.envelope(d.project()))
    assert blocked.value.code == "NOT_PERMITTED"


async def test_D1_a_lost_answer_after_the_effect_is_unknown_and_a_repeat_leaves_one_record(
    netsuite: NetSuite, twin: Served
) -> None:
    twin.faults([{"fault": {"code": "F3", "effect": True}, "match": {"method": "PUT", "nth": 1}}])
    envelope = d.envelope(d.client())
    with pytest.raises(sdk.Unknown):
        await netsuite.put_client(envelope)
    await netsuite.put_client(envelope)
    assert [entry["operation"] for entry in twin.journal()] == ["create", "update"]


async def test_F9_a_lagging_search_does_not_hide_a_record_from_find(netsuite: NetSuite, twin: Served) -> None:
    envelope = d.envelope(d.client())
    created = await netsuite.put_client(envelope)
    twin.faults([{"fault": {"code": "F9"}, "match": {"path_regex": "suiteql"}}])
    assert await netsuite.read_client([envelope]) == [None]
    assert await netsuite.find_client(envelope) == created
    twin.heal()
    (seen,) = await netsuite.read_client([envelope])
    assert seen is not None


async def test_an_invoice_that_the_account_computes_a_cent_higher_shows_the_cent(
    netsuite: NetSuite, twin: Served
) -> None:
    twin.faults([{"fault": {"code": "F6", "detail": {"off": "0.01"}}, "match": {"path_regex": "invoice"}}])
    draft, _ = await drafted(netsuite)
    (seen,) = await netsuite.read_invoice([draft])
    assert seen is not None
    assert (seen.doc["total"]["amount"], draft.doc["total"]["amount"]) == ("333.48", "333.47")


def test_two_legal_entities_cannot_share_a_subsidiary(settings: NetSuiteSettings) -> None:
    with pytest.raises(ValueError, match="reading back cannot tell them"):
        NetSuiteSettings(**{**settings.model_dump(), "subsidiaries": {"US01": "2", "DE01": "2"}})


def test_concurrency_comes_from_the_settings(netsuite: NetSuite, settings: NetSuiteSettings, http: GuardedHttp) -> None:
    wider = NetSuite(settings.model_copy(update={"concurrency": 9}), http, netsuite.secrets, {})
    assert (netsuite.manifest.concurrency, wider.manifest.concurrency) == (4, 9)


def test_the_manifest_promises_an_upsert_for_every_operation() -> None:
    kinds = {(kind, "put") for kind in ("client", "project", "work_element", "billing_rule", "time_charge", "invoice")}
    assert set(NetSuite.manifest.operations) == kinds | {("invoice_posting", "put"), ("invoice", "end")}
    assert {operation.op_class for operation in NetSuite.manifest.operations.values()} == {sdk.OperationClass.K_PUT}
