"""The only package a connector imports: canonical documents, capabilities, errors, HTTP.

from tieline import sdk
"""

from tieline.domain.documents import (
    Address,
    BillingRule,
    Client,
    Invoice,
    InvoiceLine,
    InvoicePosting,
    LedgerLine,
    Project,
    TimeCharge,
    WorkElement,
)
from tieline.domain.records import (
    Amendment,
    ClientRecord,
    Contract,
    ContractApproval,
    ContractLine,
    InvoiceRequest,
    RateChange,
    TimeEntry,
)
from tieline.kit.canonical import Json, plain, restore
from tieline.kit.dates import instant
from tieline.kit.errors import (
    Blocked,
    Conflict,
    CredentialInvalid,
    Fault,
    NotAllowed,
    NotFound,
    Rejected,
    Throttled,
    TielineError,
    Transient,
    Unavailable,
    Unknown,
)
from tieline.kit.ids import stable_id
from tieline.kit.money import Money
from tieline.ports.http import Answer, Http
from tieline.ports.systems import (
    Change,
    Envelope,
    ExternalRef,
    Notification,
    Observed,
    Operation,
    OperationClass,
    Page,
    SourceItem,
)
from tieline.ports.vault import Secret
from tieline.sdk.capabilities import (
    PostsInvoices,
    ReadsLedger,
    SourceOfRecords,
    WritesBillingRules,
    WritesClients,
    WritesInvoices,
    WritesProjects,
    WritesTimeCharges,
    WritesWorkElements,
)
from tieline.sdk.connector import Connector, ConnectorSettings, Manifest
from tieline.sdk.fields import money_field, same_amount

__all__ = [name for name in dir() if not name.startswith("_")]
