"""The announcements connector: one signed POST per notice. What is not answered is never said again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from tieline import sdk
from tieline.connectors.announcements.mapping import from_invoice_notice
from tieline.connectors.announcements.settings import AnnouncementsSettings
from tieline.connectors.announcements.signature import signed


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Announcements(sdk.Connector, sdk.TellsInvoices):
    """`now` is for the signature's timestamp only; nothing else looks at a clock."""

    settings_type = AnnouncementsSettings
    settings: AnnouncementsSettings
    manifest = sdk.Manifest(
        name="announcements",
        title="Announcements as signed webhooks",
        owner="integration team",
        api_version="CloudEvents 1.0, Standard Webhooks 1.0",
        roles=("notices",),
        operations={
            # A receiver may drop a double by webhook-id, but none has promised it: a lost answer is not repeated.
            ("invoice_notice", "put"): sdk.Operation(
                kind="invoice_notice", verb="put", op_class=sdk.OperationClass.N, observable=False
            )
        },
    )

    def __init__(
        self,
        settings: AnnouncementsSettings,
        http: sdk.Http,
        secrets: Mapping[str, sdk.Secret],
        overlay: Mapping[str, Mapping[str, str]],
        *,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        super().__init__(settings, http, secrets, overlay)
        self._now = now

    async def put_invoice_notice(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        event = from_invoice_notice(envelope, self.settings.source)
        await self._tell(envelope.key, msgspec.json.encode(event, order="deterministic"))
        return sdk.ExternalRef(id=envelope.key)

    async def _tell(self, message_id: str, body: bytes) -> None:
        """Any answer below 300 means told. A refusal is about the message or the address, and nothing was told."""
        headers = signed(message_id, body, self.secrets["signing_secret"], self._now())
        headers["content-type"] = "application/cloudevents+json"
        answer = await self.http.request("POST", self.settings.path, content=body, headers=headers, expect="text")
        if answer.status >= 400:
            raise sdk.Rejected(
                f"The receiver of announcements refuses them at {self.settings.path} (status {answer.status}):"
                " ask its owner whether it takes signed CloudEvents there, correct path, and retry."
            )
