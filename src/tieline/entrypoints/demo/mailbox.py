"""What was told to the outside: the mailbox's own record of every arrival, a second one of the same message included."""

from __future__ import annotations

from collections.abc import Collection

from tieline.entrypoints.demo.checks import Check, Findings
from tieline.twins.process import Served

POSTED = "dev.tieline.invoice.posted.v1"


def in_mailbox(mailbox: Served, invoices: Collection[str]) -> Findings:
    """Each of `invoices` was told once, and nothing else was told."""
    arrived = mailbox.journal()
    told = [str(each["payload"]["data"]["invoice_id"]) for each in arrived if each["kind"] == POSTED]
    checks = [
        Check(what="invoices told, each exactly once", expected=listed(invoices), seen=listed(told)),
        Check(what="messages of any other kind", expected="0", seen=str(len(arrived) - len(told))),
    ]
    ids = {f"notice {n}": str(each["idempotency_key"]) for n, each in enumerate(arrived, start=1)}
    return Findings(checks=checks, external_ids=ids, ledger=[])


def listed(invoices: Collection[str]) -> str:
    """With every repetition, so that one that was told twice is seen."""
    return ", ".join(sorted(invoices)) or "none"
