"""The API as a source: what people hand in over it are complete canonical documents, mapped without guessing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

import msgspec

from tieline.domain.records import InvoiceRequest, TimeEntry
from tieline.kit.canonical import plain, restore
from tieline.kit.errors import Rejected
from tieline.ports.systems import Change, Notification, Page, SourceItem

NAME = "api"
_SHAPES: Mapping[str, type[TimeEntry] | type[InvoiceRequest]] = {
    "time_entry": TimeEntry,
    "invoice_request": InvoiceRequest,
}


class ApiSource:
    """Implements `ports.systems.Source` for the inputs that the process API accepts."""

    name = NAME
    topics: tuple[str, ...] = tuple(_SHAPES)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[Notification]:
        raise Rejected("The API takes no webhooks under this name.")

    async def fetch(self, topic: str, source_ids: Sequence[str]) -> Sequence[SourceItem | None]:
        return [None for _ in source_ids]

    async def pages(self, topic: str, cursor: str | None) -> AsyncIterator[Page]:
        no_pages: tuple[Page, ...] = ()
        for page in no_pages:
            yield page

    def changes(self, item: SourceItem) -> Sequence[Change]:
        try:
            document = restore(item.body, _SHAPES[item.topic])
        except (msgspec.ValidationError, ValueError) as error:
            raise Rejected(f"cannot be read as {item.topic}: {error}") from None
        lane = f"contract:{document.contract_id}"
        return (
            Change(kind=item.topic, id=document.id, lane=lane, source_version=item.source_version, doc=plain(document)),
        )
