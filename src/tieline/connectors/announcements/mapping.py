"""From a notice to one CloudEvent. Pure: the document travels as it was decided, field by field."""

from __future__ import annotations

from tieline import sdk

INVOICE_POSTED = "dev.tieline.invoice.posted.v1"


def from_invoice_notice(envelope: sdk.Envelope, source: str) -> sdk.Json:
    """Structured JSON. There is no `time`: the notice does not know the instant of the posting, and none is made up."""
    return {
        "specversion": "1.0",
        "id": envelope.document_key,
        "source": source,
        "type": INVOICE_POSTED,
        "subject": f"invoice:{envelope.doc['invoice_id']}",
        "datacontenttype": "application/json",
        "data": envelope.doc,
    }
