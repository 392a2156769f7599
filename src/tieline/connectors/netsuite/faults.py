"""NetSuite's refusals in our words. Texts are shown, never parsed: codes and a look at the period decide."""

from __future__ import annotations

from typing import NoReturn

from tieline import sdk

# The names under which an account without a free place hides (REST, RESTlet, SOAP, and the log-in disguise).
_BUSY = {
    "CONCURRENCY_LIMIT_EXCEEDED",
    "SSS_REQUEST_LIMIT_EXCEEDED",
    "WS_REQUEST_BLOCKED",
    "WS_CONCUR_SESSION_DISALLWD",
    "EXCEEDED_CONCURRENT_REQUEST_LIMIT",
    "INVALID_LOGIN",
    "INVALID_LOGIN_ATTEMPT",
}
_NOT_PERMITTED = {"INSUFFICIENT_PERMISSION", "INSUFFICIENT_PERMISSIONS"}
_TEXT_MAX = 300


def codes(answer: sdk.Answer) -> list[str]:
    return [str(detail.get("o:errorCode", "")) for detail in _details(answer)]


def is_business_rule(answer: sdk.Answer) -> bool:
    """USER_ERROR stands for every rule of the account: a closed period, a locked record, a workflow."""
    return "USER_ERROR" in codes(answer)


def refuse(answer: sdk.Answer, what: str) -> NoReturn:
    """Raises the error that says what happens next. `what` names the document in the sentence."""
    found = set(codes(answer))
    if answer.status == 429 or found & _BUSY:
        raise sdk.Throttled("NetSuite has no free place at present: other integrations use the account's limit.")
    if answer.status == 403 or found & _NOT_PERMITTED:
        raise sdk.Blocked(
            f"NetSuite's role for Tieline may not do this with {what}: {_said(answer)} Give the role the permission.",
            code="NOT_PERMITTED",
        )
    if answer.status == 409:
        raise sdk.Conflict(f"NetSuite has changed {what} meanwhile: {_said(answer)}")
    raise sdk.Rejected(f"NetSuite refuses {what}: {_said(answer)}", faults=_faults(answer))


def _said(answer: sdk.Answer) -> str:
    texts = [str(detail.get("detail", "")).strip() for detail in _details(answer)]
    text = " ".join(text for text in texts if text) or f"it gave no reason (status {answer.status})."
    return text[:_TEXT_MAX]


def _faults(answer: sdk.Answer) -> list[sdk.Fault]:
    return [
        sdk.Fault("/" + str(detail.get("o:errorPath", "")).replace(".", "/"), str(detail.get("detail", ""))[:_TEXT_MAX])
        for detail in _details(answer)
    ]


def _details(answer: sdk.Answer) -> list[dict[str, sdk.Json]]:
    body = answer.body if isinstance(answer.body, dict) else {}
    details, error = body.get("o:errorDetails"), body.get("error")
    if isinstance(error, dict):  # the RESTlet door's shape, met when the account's shared limit is hit
        return [{"o:errorCode": error.get("code", ""), "detail": error.get("message", "")}]
    return [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
