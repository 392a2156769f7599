"""Promises of connectors that write. Each check takes one fresh document of one kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from tieline import sdk
from tieline.conformance.bench import Bench, Case, Failed, demand
from tieline.conformance.proxy import WireFault
from tieline.conformance.recovery import Ambiguous, differences, ended, looked, settle
from tieline.sdk import OperationClass

_REQUESTS_MAX = 12  # of one put; a connector that needs more has no kill-point matrix that anybody understands

WriteCheck = Callable[[Bench, str], Awaitable[None]]


async def reads_back_what_it_wrote(bench: Bench, kind: str) -> None:
    case = await bench.case(kind)
    await _put_and_compare(bench, case.envelope())
    await _one_effect(bench, case, "one put")


async def one_telling_is_one_effect(bench: Bench, kind: str) -> None:
    """Of what cannot be read back only the receiver knows that it was told."""
    case = await bench.case(kind)
    await bench.system.put(case.envelope())
    await _one_effect(bench, case, "one telling")


async def finds_only_what_is_there(bench: Bench, kind: str) -> None:
    case = await bench.case(kind)
    envelope = case.envelope()
    demand(await bench.system.look(envelope) is None, "a document that was never written is found")
    reference = await bench.system.put(envelope)
    await bench.target.wait(_window(bench, kind))
    found = await bench.system.look(envelope)
    demand(found is not None and found.id == reference.id, f"search finds {found}, but the put said {reference}")


async def a_repeat_is_one_effect(bench: Bench, kind: str) -> None:
    """The engine repeats only classes K; it does so without a reference, because the answer was lost."""
    case = await bench.case(kind)
    envelope = case.envelope()
    references = [await bench.system.put(envelope) for _ in range(3)]
    demand(len({reference.id for reference in references}) == 1, f"three puts gave {references}")
    await _one_effect(bench, case, "three puts with the same key")


async def a_lost_answer_is_one_effect(bench: Bench, kind: str) -> None:
    """The kill-point matrix: every fault at every request of a put, then recovery by the declared class alone."""
    requests = await _requests_of_a_put(bench, kind)
    for nth in range(1, requests + 1):
        for fault in WireFault:
            await _survives(bench, kind, fault, nth)


async def a_newer_revision_replaces(bench: Bench, kind: str) -> None:
    case = await bench.case(kind)
    reference = await bench.system.put(case.envelope())
    revised = case.chain.revised(kind)
    newer = case.envelope(document=revised, revision=2, ref=reference)
    after = await bench.system.put(newer)
    demand(after.id == reference.id, f"the revision moved from {reference.id} to {after.id}")
    await _compare(bench, replace(newer, ref=after))
    await _one_effect(bench, case, "two revisions")


async def a_batch_read_keeps_its_order(bench: Bench, kind: str) -> None:
    """One of several is gone: the others must not shift into its place."""
    first, second, absent = await bench.case(kind), await bench.case(kind), await bench.case(kind)
    written = [replace(case.envelope(), ref=await bench.system.put(case.envelope())) for case in (first, second)]
    gone = replace(absent.envelope(), ref=bench.target.absent_ref)
    found = await bench.system.read([written[1], gone, written[0]])
    demand(len(found) == 3 and found[1] is None, f"a document that is not there was read as {found[1:2]}")
    for observed, envelope in ((found[0], written[1]), (found[2], written[0])):
        demand(observed is not None, "a document that is there was not read")
        assert observed is not None
        wrong = differences(observed.doc, envelope.doc)
        demand(not wrong, f"read in another order or spelling: {'; '.join(wrong)}")


async def an_unknown_word_is_blocked(bench: Bench, kind: str) -> None:
    case = await bench.case(kind)
    document = case.chain.unheard_of(kind)
    try:
        await bench.system.put(case.envelope(document=document))
    except sdk.Blocked as error:
        demand(error.code == "MAPPING_MISSING", f"the code is {error.code}, not MAPPING_MISSING")
        demand("UNHEARD_OF" in error.detail, "the sentence does not name the value")
    else:
        raise Failed("a value that no mapping knows was written")
    demand(await bench.truth.effects(case.envelope()) == 0, "the refused document is in the system")


async def an_expired_token_is_renewed(bench: Bench, kind: str) -> None:
    """F10 in the middle of a run: the system forgets every session between two puts."""
    await bench.case(kind)
    case = await bench.case(kind)
    assert bench.target.expire_tokens is not None
    await bench.target.expire_tokens()
    await settle(bench.system, case.envelope(), bench.target.wait)
    await _one_effect(bench, case, "a put with an expired token")


async def what_is_withdrawn_is_gone(bench: Bench, kind: str) -> None:
    """Also when the answer to the withdrawal is lost, at every request."""
    case = await bench.case(kind)
    reference = await bench.system.put(case.envelope())
    bench.proxy.reset()
    await ended(bench.system, case.envelope(ref=reference), "cancel")
    requests = bench.proxy.seen
    demand(await _absent(bench, case.envelope(ref=reference)), "the withdrawn document can still be read")
    for nth in range(1, requests + 1):
        for fault in WireFault:
            case = await bench.case(kind)
            envelope = case.envelope(ref=await bench.system.put(case.envelope()))
            bench.proxy.reset()
            bench.proxy.arm(fault, nth)
            await ended(bench.system, envelope, "cancel")
            demand(await _absent(bench, envelope), f"{fault} at request {nth}: the document is still there")


async def a_posting_shows_in_the_ledger(bench: Bench, kind: str) -> None:
    """Empty before, balanced after, to the total; the draft alone is not found as posted."""
    case = await bench.case(kind)
    invoice = case.envelope("invoice")
    reference = case.links[f"invoice/{invoice.document_key}"]
    ledger = bench.connector
    assert isinstance(ledger, sdk.ReadsLedger)
    demand(not await ledger.ledger_of(reference, invoice.legal_entity), "a draft shows in the ledger")
    demand(await bench.system.look(case.envelope()) is None, "a draft is found as posted")
    posted = await bench.system.put(case.envelope())
    demand(bool(posted.extra.get("number")), "the posting has no document number of the system's own")
    lines = await ledger.ledger_of(reference, invoice.legal_entity)
    debits, credits = sum(line.debit.amount for line in lines), sum(line.credit.amount for line in lines)
    demand(bool(lines) and debits == credits, f"debits {debits} are not credits {credits}")
    total = case.chain.documents["invoice"].total.amount
    demand(any(line.debit.amount == total for line in lines), f"no line of the ledger shows the total {total}")


WRITE_CHECKS: Mapping[str, WriteCheck] = {
    "reads-back-what-it-wrote": reads_back_what_it_wrote,
    "one-telling-is-one-effect": one_telling_is_one_effect,
    "finds-only-what-is-there": finds_only_what_is_there,
    "a-repeat-is-one-effect": a_repeat_is_one_effect,
    "a-lost-answer-is-one-effect": a_lost_answer_is_one_effect,
    "a-newer-revision-replaces": a_newer_revision_replaces,
    "a-batch-read-keeps-its-order": a_batch_read_keeps_its_order,
    "an-unknown-word-is-blocked": an_unknown_word_is_blocked,
    "an-expired-token-is-renewed": an_expired_token_is_renewed,
    "what-is-withdrawn-is-gone": what_is_withdrawn_is_gone,
    "a-posting-shows-in-the-ledger": a_posting_shows_in_the_ledger,
}
_REVISABLE = ("client", "project", "work_element", "billing_rule")


def applies(check: str, kind: str, connector: type[sdk.Connector], *, can_expire: bool) -> bool:
    """Which promises a connector has given for a kind."""
    operation = connector.manifest.operations[(kind, "put")]
    only: dict[str, bool] = {
        "reads-back-what-it-wrote": operation.observable,
        "one-telling-is-one-effect": not operation.observable,
        "a-batch-read-keeps-its-order": operation.observable,
        "finds-only-what-is-there": operation.op_class is not OperationClass.N,
        "a-repeat-is-one-effect": operation.op_class in (OperationClass.K_ONCE, OperationClass.K_PUT),
        "a-newer-revision-replaces": kind in _REVISABLE,
        "an-unknown-word-is-blocked": kind in ("client", "invoice"),
        "an-expired-token-is-renewed": can_expire,
        "what-is-withdrawn-is-gone": (kind, "end") in connector.manifest.operations,
        "a-posting-shows-in-the-ledger": kind == "invoice_posting" and issubclass(connector, sdk.ReadsLedger),
    }
    return only.get(check, True)


async def _requests_of_a_put(bench: Bench, kind: str) -> int:
    """Of a warm connection: the first put of all also asks for a token."""
    cold = await bench.case(kind)
    await bench.system.put(cold.envelope())
    case = await bench.case(kind)
    await bench.system.put(case.envelope())
    demand(0 < bench.proxy.seen <= _REQUESTS_MAX, f"one put takes {bench.proxy.seen} requests")
    return bench.proxy.seen


async def _survives(bench: Bench, kind: str, fault: WireFault, nth: int) -> None:
    where = f"{fault} at request {nth}"
    case = await bench.case(kind)
    bench.proxy.arm(fault, nth)
    try:
        reference = await settle(bench.system, case.envelope(), bench.target.wait)
    except Ambiguous:
        demand(await bench.truth.effects(case.envelope()) <= 1, f"{where}: more than one effect")
        return
    except (sdk.TielineError, AssertionError) as error:
        raise Failed(f"{where}: recovery ended with {type(error).__name__}: {error}") from error
    demand(bench.proxy.hits == 1, f"{where}: the fault was never met")
    await _compare(bench, replace(case.envelope(), ref=reference))
    await _one_effect(bench, case, where)


async def _put_and_compare(bench: Bench, envelope: sdk.Envelope) -> None:
    await _compare(bench, replace(envelope, ref=await bench.system.put(envelope)))


async def _compare(bench: Bench, envelope: sdk.Envelope) -> None:
    operation = bench.system.operation(envelope.kind, "put")
    if operation is not None and not operation.observable:
        return
    observed = (await bench.system.read([envelope]))[0]
    demand(observed is not None, "what was written cannot be read back")
    assert observed is not None
    demand(bool(observed.doc), "nothing of the document is read back")
    wrong = differences(observed.doc, envelope.doc)
    demand(not wrong, f"read back differs: {'; '.join(wrong)}")


async def _one_effect(bench: Bench, case: Case, after: str) -> None:
    effects = await bench.truth.effects(case.envelope())
    demand(effects == 1, f"after {after} the system holds {effects} of it instead of one")


async def _absent(bench: Bench, envelope: sdk.Envelope) -> bool:
    return (await bench.system.read([envelope]))[0] is None and await looked(bench.system, envelope) is None


def _window(bench: Bench, kind: str) -> float:
    operation = bench.system.operation(kind, "put")
    return operation.consistency_window.total_seconds() if operation else 0.0
