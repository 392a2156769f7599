"""Every problem that the API may answer, with what to do about it. `/problems/<code>` shows the entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """`way_out` is the runbook in one sentence; `owner` is who acts."""

    code: str
    status: int
    title: str
    owner: str
    way_out: str
    retryable: bool = False
    retry_after_s: int | None = None


def _entries() -> tuple[Problem, ...]:
    caller, firm, us = "caller", "firm's operator", "integration"
    return (
        Problem(
            code="malformed", status=400, title="The request cannot be read", owner=caller,
            way_out="Send one JSON document without repeated members, as the API description shows it.",
        ),
        Problem(
            code="header_refused", status=400, title="A header is not allowed", owner=caller,
            way_out="Remove the header; the tenant comes from the key and never from a header, and none is sent twice.",
        ),
        Problem(
            code="idempotency_key_missing", status=400, title="An Idempotency-Key is needed", owner=caller,
            way_out="Send the header Idempotency-Key with a fresh value per intention, and the same value on every repeat.",
        ),
        Problem(
            code="unauthenticated", status=401, title="The key or signature is not valid", owner=caller,
            way_out="Send a valid, unexpired API key, or sign the exact bytes with the endpoint's secret within five minutes.",
        ),
        Problem(
            code="not_allowed", status=403, title="This key may not do that", owner="firm's administrator",
            way_out="Ask your administrator for a key with the scope that the message names.",
        ),
        Problem(
            code="not_found", status=404, title="There is no such thing here", owner=caller,
            way_out="Check the identifier; things of other firms are never shown.",
        ),
        Problem(
            code="method_not_allowed", status=405, title="The address does not take this method", owner=caller,
            way_out="Use a method that the API description lists for this address.",
        ),
        Problem(
            code="timed_out", status=408, title="The request took too long to arrive", owner=caller, retryable=True,
            way_out="Send the whole request within ten seconds.",
        ),
        Problem(
            code="conflict", status=409, title="The world has moved", owner=caller,
            way_out="Read the present state again and decide again.",
        ),
        Problem(
            code="stale_plan", status=409, title="The plan is out of date", owner=caller,
            way_out="Ask for a new plan, read it, and apply that one.",
        ),
        Problem(
            code="in_progress", status=409, title="The same request is still being handled", owner=caller, retryable=True,
            retry_after_s=1, way_out="Wait a moment and repeat the request with the same Idempotency-Key.",
        ),
        Problem(
            code="duplicate_with_other_content", status=409, title="This was said before with other content", owner="sender",
            way_out="Give a changed message an identifier of its own; what was accepted first stays.",
        ),
        Problem(
            code="blocked", status=409, title="Somebody must act first", owner="named in the hold",
            way_out="Resolve the hold that the message names, then retry.",
        ),
        Problem(
            code="clock_not_movable", status=409, title="This hub goes by the wall clock", owner=caller,
            way_out="Rehearse on a hub of its own with clock.movable: true; days of a hub with real systems are real.",
        ),
        Problem(
            code="cursor_gone", status=410, title="The cursor saw events that a restore gave up", owner=caller,
            way_out="Undo what you did for events after the restored point, and go on from the cursor in errors[].",
        ),
        Problem(
            code="too_large", status=413, title="The request is too large", owner=caller,
            way_out="Send less in one request; the message states the limit.",
        ),
        Problem(
            code="wrong_content_type", status=415, title="The body must be JSON", owner=caller,
            way_out="Send Content-Type: application/json and a JSON document.",
        ),
        Problem(
            code="rejected", status=422, title="The request breaks a rule", owner=caller,
            way_out="Correct what errors[] names and send it again with a new Idempotency-Key.",
        ),
        Problem(
            code="clock_only_forward", status=422, title="The clock does not go back", owner=caller,
            way_out="Name an instant later than the one that `tieline clock show` tells, or begin another rehearsal.",
        ),
        Problem(
            code="configuration_invalid", status=422, title="The configuration is not valid", owner=caller,
            way_out="Correct what errors[] names, each with its line and column, and send the whole text again.",
        ),
        Problem(
            code="idempotency_key_reused", status=422, title="This Idempotency-Key belongs to another request", owner=caller,
            way_out="Use a fresh key for a new request, and the same key only for exactly the same request.",
        ),
        Problem(
            code="too_many_headers", status=431, title="The request has too many or too long headers", owner=caller,
            way_out="Send fewer headers; the message states the limit.",
        ),
        Problem(
            code="defect", status=500, title="A fault of ours", owner=us,
            way_out="Nothing for you to correct: quote the correlation id to support.",
        ),
        Problem(
            code="outcome_unknown", status=502, title="The other system did not answer clearly", owner=us, retryable=True,
            retry_after_s=5, way_out="Ask again; this was only a question and changed nothing.",
        ),
        Problem(
            code="credential_invalid", status=502, title="The other system refuses our credentials", owner=firm,
            way_out="Renew the secret that the connection's configuration refers to, then retry.",
        ),
        Problem(
            code="unavailable", status=503, title="Not possible at the moment", owner=us, retryable=True, retry_after_s=2,
            way_out="Repeat the same request after the time in Retry-After; nothing was lost.",
        ),
        Problem(
            code="throttled", status=503, title="The other system asks for fewer calls", owner=us, retryable=True,
            retry_after_s=5, way_out="Repeat the same request after the time in Retry-After.",
        ),
    )  # fmt: skip


CATALOGUE = {problem.code: problem for problem in _entries()}
