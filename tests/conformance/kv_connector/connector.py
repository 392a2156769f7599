"""A small honest connector over the key-value twin, and dishonest variants that the exam must see through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from tieline import sdk


def _manifest(op_class: sdk.OperationClass) -> sdk.Manifest:
    window = timedelta(seconds=5) if op_class is sdk.OperationClass.Q else timedelta(0)
    operation = sdk.Operation(kind="client", verb="put", op_class=op_class, consistency_window=window)
    return sdk.Manifest(
        name="kv",
        title="Key-value",
        owner="tests",
        api_version="1",
        roles=("erp",),
        operations={("client", "put"): operation},
    )


class _Clients(sdk.Connector, sdk.WritesClients):
    manifest = _manifest(sdk.OperationClass.Q)
    resource = "q"

    async def put_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        return await self._create(envelope) if envelope.ref is None else await self._replace(envelope)

    async def find_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        answer = await self.http.request("GET", f"/{self.resource}/items", params={"marker": envelope.marker})
        return next((sdk.ExternalRef(id=item["id"]) for item in answer.body["items"]), None)

    async def read_client(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        return [await self._read(envelope) for envelope in envelopes]

    async def _create(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        headers = {"idempotency-key": envelope.key}
        answer = await self.http.request("POST", f"/{self.resource}/items", json=self.body(envelope), headers=headers)
        return sdk.ExternalRef(id=answer.body["id"])

    async def _replace(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        assert envelope.ref is not None
        await self.http.request("PUT", f"/q/items/{envelope.ref.id}", json=self.body(envelope))
        return envelope.ref

    async def _read(self, envelope: sdk.Envelope) -> sdk.Observed | None:
        if envelope.ref is None:
            return None
        answer = await self.http.request("GET", f"/{self.resource}/items/{envelope.ref.id}")
        if answer.status == 404:
            return None
        return sdk.Observed(doc=self.observed(answer.body), ref=envelope.ref)

    def observed(self, item: Mapping[str, Any]) -> sdk.Json:
        return item["doc"]

    def body(self, envelope: sdk.Envelope) -> sdk.Json:
        code = envelope.doc["tax_code"]
        if code not in self.overlay.get("tax_code", {}):
            raise sdk.Blocked(f"tax_code is {code!r}, which has no counterpart", code="MAPPING_MISSING")
        return {"key": envelope.marker, "marker": envelope.marker, "revision": envelope.revision, "doc": envelope.doc}


class HonestQ(_Clients):
    """Creates, searches by marker, replaces by id."""


class HonestPut(_Clients):
    """Addressed by our own id, so that a repeat replaces."""

    manifest = _manifest(sdk.OperationClass.K_PUT)
    resource = "k-put"

    async def put_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        await self.http.request("PUT", f"/k-put/items/{envelope.marker}", json=self.body(envelope))
        return sdk.ExternalRef(id=envelope.marker)

    async def find_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        answer = await self.http.request("GET", f"/k-put/items/{envelope.marker}")
        return None if answer.status == 404 else sdk.ExternalRef(id=envelope.marker)


class ClaimsAKeyThatTheVendorIgnores(HonestQ):
    manifest = _manifest(sdk.OperationClass.K_ONCE)


class ForgetsTheRevision(HonestQ):
    async def _replace(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        assert envelope.ref is not None
        return envelope.ref


class DropsTheGone(HonestQ):
    async def read_client(self, envelopes: Sequence[sdk.Envelope]) -> Sequence[sdk.Observed | None]:
        return [seen for seen in [await self._read(envelope) for envelope in envelopes] if seen is not None]


class SpellsInItsOwnWay(HonestQ):
    def observed(self, item: Mapping[str, Any]) -> sdk.Json:
        return {**item["doc"], "name": item["doc"]["name"].upper()}


class GuessesTheTaxCode(HonestQ):
    def body(self, envelope: sdk.Envelope) -> sdk.Json:
        return {"key": envelope.marker, "marker": envelope.marker, "revision": envelope.revision, "doc": envelope.doc}


class TakesAnUnknownOutcomeForAFailure(HonestQ):
    async def _create(self, envelope: sdk.Envelope) -> sdk.ExternalRef:
        try:
            return await super()._create(envelope)
        except sdk.Unknown as error:
            raise sdk.Unavailable(error.detail) from error


class LooksWithoutTheWindow(HonestQ):
    """Says that its search sees everything at once; the twin's index lags."""

    manifest = sdk.Manifest(
        name="kv", title="Key-value", owner="tests", api_version="1", roles=("erp",),
        operations={("client", "put"): sdk.Operation(kind="client", verb="put", op_class=sdk.OperationClass.Q)},
    )  # fmt: skip


class FindsWhatIsNotThere(HonestQ):
    async def find_client(self, envelope: sdk.Envelope) -> sdk.ExternalRef | None:
        return await super().find_client(envelope) or sdk.ExternalRef(id="q-1")
