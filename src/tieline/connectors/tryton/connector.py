"""The Tryton connector: what it declares. The parts are clients, works, charges and invoices."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from tieline import sdk
from tieline.connectors.tryton.charges import Charges
from tieline.connectors.tryton.clients import Clients
from tieline.connectors.tryton.invoices import Invoices
from tieline.connectors.tryton.listing import Lists
from tieline.connectors.tryton.settings import TrytonSettings
from tieline.connectors.tryton.works import Works

# The server finishes a transaction that its caller gave up on; posting, the slowest, took 0.9 s at most when measured.
MAX_LIFE = timedelta(seconds=30)


def _operation(
    kind: str, verb: Literal["put", "end"], op_class: sdk.OperationClass
) -> tuple[tuple[str, str], sdk.Operation]:
    # One database and no replicas: a search sees every finished write at once, so the window is zero.
    return (kind, verb), sdk.Operation(kind=kind, verb=verb, op_class=op_class, max_life=MAX_LIFE)


MANIFEST = sdk.Manifest(
    name="tryton",
    title="Tryton",
    owner="finance-systems",
    api_version="8.2",
    roles=("erp",),
    operations=dict(
        [
            # Tryton enforces a unique party code, but a repeated create is refused, not repeated: look first.
            _operation("client", "put", sdk.OperationClass.Q),
            _operation("project", "put", sdk.OperationClass.Q),
            _operation("work_element", "put", sdk.OperationClass.Q),
            # A price of a task that exists: writing it twice is writing it once.
            _operation("billing_rule", "put", sdk.OperationClass.K_PUT),
            _operation("time_charge", "put", sdk.OperationClass.Q),
            _operation("invoice", "put", sdk.OperationClass.Q),
            _operation("invoice", "end", sdk.OperationClass.Q),
            _operation("invoice_posting", "put", sdk.OperationClass.Q),
        ]
    ),
    concurrency=1,  # see `concurrency` in the settings
    refused_503=True,  # PostgreSQL could not get the row lock: nothing was started
)


class Tryton(Clients, Works, Charges, Invoices, Lists):
    manifest = MANIFEST
    settings_type = TrytonSettings
