"""The inbox connector: takes signed CloudEvents that carry a whole document. It calls nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

import msgspec

from tieline import sdk
from tieline.connectors.events import mapping
from tieline.connectors.events.settings import EventsSettings
from tieline.connectors.events.signature import verified


class EventsInbox(sdk.Connector, sdk.SourceOfRecords):
    topics = mapping.TOPICS
    settings_type = EventsSettings
    manifest = sdk.Manifest(
        name="events",
        title="Inbox for signed CloudEvents",
        owner="integration team",
        api_version="CloudEvents 1.0, Standard Webhooks 1.0",
        roles=("inbox",),
    )

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Sequence[sdk.Notification]:
        """The whole event travels on; a sender's retry carries the same webhook-id and is found to be one."""
        message_id = verified(headers, body, self._secrets(), now)
        try:
            event = msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError):
            raise sdk.Rejected("The message is not valid JSON.") from None
        accepted, document = mapping.checked(event, self.settings.sources)
        return [
            sdk.Notification(
                topic=accepted.topic,
                source_id=document.id,
                dedup=message_id,
                occurred_at=sdk.instant(event["time"]),
                body=event,
            )
        ]

    async def fetch(self, topic: str, source_ids: Sequence[str]) -> Sequence[sdk.SourceItem | None]:
        """Nothing can be asked of an inbox: its events are complete when they arrive."""
        return [None for _ in source_ids]

    async def pages(self, topic: str, cursor: str | None) -> AsyncIterator[sdk.Page]:
        """Nothing to poll: no page."""
        no_pages: tuple[sdk.Page, ...] = ()
        for page in no_pages:
            yield page

    def changes(self, item: sdk.SourceItem) -> Sequence[sdk.Change]:
        return (mapping.to_change(item.body, self.settings.sources),)

    def _secrets(self) -> list[sdk.Secret]:
        names = ("signing_secret", "previous_signing_secret")
        return [self.secrets[name] for name in names if name in self.secrets]
