"""The Ironclad connector: signed webhooks that name records, reading records, and polling by last update."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tieline import sdk
from tieline.connectors.ironclad import mapping, webhook
from tieline.connectors.ironclad.access import Access
from tieline.connectors.ironclad.settings import IroncladSettings

_RECORDS = "/public/api/v1/records"
_PAGE_SIZE = 100
_PAGES_MAX = 10_000
_AT_ONCE = 4


class Ironclad(sdk.Connector, sdk.SourceOfRecords):
    topics = (webhook.TOPIC,)
    tells_all = True
    settings_type = IroncladSettings
    manifest = sdk.Manifest(
        name="ironclad",
        title="Ironclad CLM",
        owner="legal operations",
        api_version="Public API 2025-03",
        roles=("clm",),
        concurrency=_AT_ONCE,
    )

    def __init__(
        self,
        settings: Any,
        http: sdk.Http,
        secrets: Mapping[str, sdk.Secret],
        overlay: Mapping[str, Mapping[str, str]],
    ) -> None:
        super().__init__(settings, http, secrets, overlay)
        self._access = Access(http, settings.client_id, secrets["client_secret"], settings.as_user_email)
        self._types = ",".join((*settings.contract_types, *settings.amendment_types))

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[sdk.Notification]:
        event_id = webhook.verified(headers, body, webhook.public_key(self._public_key()))
        return webhook.notifications(event_id, body, self.settings.company_id, now)

    async def fetch(self, topic: str, source_ids: Sequence[str]) -> Sequence[sdk.SourceItem | None]:
        items: list[sdk.SourceItem | None] = []
        for start in range(0, len(source_ids), _AT_ONCE):
            chunk = source_ids[start : start + _AT_ONCE]
            found = await asyncio.gather(*(self._record(source_id) for source_id in chunk), return_exceptions=True)
            for item in found:
                if isinstance(item, BaseException):
                    raise item
                items.append(item)
        return items

    async def pages(self, topic: str, cursor: str | None) -> AsyncIterator[sdk.Page]:
        """Continues behind the last row seen, not by page number: a record that moves to the end shifts all pages."""
        since, number = self._start(cursor), 0
        seen: set[tuple[str, str]] = set()
        for _ in range(_PAGES_MAX):
            rows = await self._page(since, number)
            fresh = [row for row in rows if (str(row.get("id")), mapping.version(row)) not in seen]
            if fresh:
                yield sdk.Page(items=tuple(map(_item, fresh)), cursor=str(rows[-1]["lastUpdated"]))
            if len(rows) < _PAGE_SIZE:
                return
            seen.update((str(row.get("id")), mapping.version(row)) for row in rows)
            last = str(rows[-1]["lastUpdated"])
            since, number = (last, 0) if last != since else (since, number + 1)

    def changes(self, item: sdk.SourceItem) -> Sequence[sdk.Change]:
        return mapping.changes(item, self.overlay, self.settings.contract_types, self.settings.amendment_types)

    def _public_key(self) -> str:
        held = self.secrets.get("webhook_public_key")
        return held.reveal() if held is not None else str(self.settings.webhook_public_key)

    def _start(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        start = sdk.instant(cursor) - timedelta(seconds=self.settings.poll_overlap_s)
        return start.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    async def _record(self, source_id: str) -> sdk.SourceItem | None:
        answer = await self._access.get(f"{_RECORDS}/{quote(source_id, safe='')}", {"addressAsObject": "true"})
        return None if answer.status == 404 else _item(_checked(answer))

    async def _page(self, since: str | None, number: int) -> list[dict[str, sdk.Json]]:
        params = {
            "page": str(number),
            "pageSize": str(_PAGE_SIZE),
            "types": self._types,
            "sortField": "lastUpdated",
            "sortDirection": "ASC",
            "addressAsObject": "true",
        }
        if since is not None:
            params["lastUpdated"] = since
        rows = _checked(await self._access.get(_RECORDS, params)).get("list")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise sdk.Unavailable("Ironclad answered a list of records in another shape than documented.")
        return rows


def _item(record: Mapping[str, sdk.Json]) -> sdk.SourceItem:
    return sdk.SourceItem(
        topic=webhook.TOPIC,
        source_id=str(record["id"]),
        source_version=mapping.version(record),
        body=sdk.plain(record),
    )


def _checked(answer: sdk.Answer) -> dict[str, sdk.Json]:
    """The body of a successful answer; Ironclad's refusals in our words otherwise."""
    if answer.status == 403:
        raise sdk.CredentialInvalid(
            "Ironclad refuses to show records: give the application the scope public.records.readRecords"
            " and the user in as_user_email the right to see contracts."
        )
    if answer.status >= 400:
        raise sdk.Rejected(f"Ironclad refuses the request as wrong (status {answer.status}).")
    if not isinstance(answer.body, dict):
        raise sdk.Unavailable("Ironclad answered in another shape than documented.")
    return answer.body
