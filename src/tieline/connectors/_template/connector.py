"""The Example connector: holds clients. The base classes say what it can do, the manifest what it promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import quote

from tieline import sdk
from tieline.connectors._template.mapping import from_client, to_client
from tieline.connectors._template.settings import ExampleSettings


class Example(sdk.Connector, sdk.WritesClients):
    settings_type = ExampleSettings
    manifest: ClassVar[sdk.Manifest] = sdk.Manifest(
        name="example",
        title="Example",
        owner="integration team",
        api_version="1",
        roles=("erp",),
        operations={
            # Addressed by our own id: a repeat replaces and never doubles.
            ("client", "put"): sdk.Operation(kind="client", verb="put", op_class=sdk.OperationClass.K_PUT)
        },
    )

    async def put_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        item = from_client(envelope.doc, self._tax_codes())
        answer = await self._call("PUT", envelope.marker, item)
        return sdk.ExternalRef(id=envelope.marker, version=str(answer.body["version"]))

    async def find_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        answer = await self._call("GET", envelope.marker)
        return (
            None if answer.status == 404 else sdk.ExternalRef(id=envelope.marker, version=str(answer.body["version"]))
        )

    async def read_client(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        return [await self._read(envelope) for envelope in envelopes]

    async def _read(self, envelope: sdk.Envelope) -> sdk.Observed | None:
        reference = envelope.ref or sdk.ExternalRef(id=envelope.marker)
        answer = await self._call("GET", reference.id)
        return (
            None if answer.status == 404 else sdk.Observed(doc=to_client(answer.body, self._tax_codes()), ref=reference)
        )

    async def _call(self, method: str, id: str, item: sdk.Json = None) -> sdk.Answer:
        """The vendor's refusals in our words: what the message got wrong is Rejected, and nothing else is a success."""
        headers = {"authorization": f"Bearer {self.secrets['token'].reveal()}"}
        answer = await self.http.request(method, f"/k-put/items/{quote(id, safe='')}", json=item, headers=headers)
        if answer.status >= 400 and not (method == "GET" and answer.status == 404):
            raise sdk.Rejected(f"Example refuses the client {id} (status {answer.status}).")
        return answer

    def _tax_codes(self) -> Mapping[str, str]:
        return self.overlay.get("tax_code", {})
