"""A system over the key-value twin, one kind per operation class: what the engine's own tests push to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from tieline.kit.canonical import Json
from tieline.kit.errors import Rejected
from tieline.ports.http import Answer, Http
from tieline.ports.systems import Envelope, ExternalRef, Observed, Operation, OperationClass

CLASSES = {"k_once": OperationClass.K_ONCE, "k_put": OperationClass.K_PUT, "q": OperationClass.Q, "n": OperationClass.N}


class KvSystem:
    """Kinds k_once, k_put, q, n. The document is one field, `value`."""

    mapping_version = "1"
    connector = "kv"

    def __init__(
        self, name: str, http: Http, *, concurrency: int = 8, window_s: float = 0.3, life_s: float = 0.7
    ) -> None:
        self.name, self.http, self.concurrency = name, http, concurrency
        self._window, self._life = timedelta(seconds=window_s), timedelta(seconds=life_s)

    def operation(self, kind: str, verb: str) -> Operation | None:
        if kind not in CLASSES:
            return None
        return Operation(
            kind=kind, verb="put", op_class=CLASSES[kind], consistency_window=self._window, max_life=self._life
        )

    async def put(self, envelope: Envelope) -> ExternalRef:
        resource = envelope.kind.replace("_", "-")
        body = {
            "key": envelope.document_key, "revision": envelope.revision, "marker": envelope.marker,
            "value": envelope.doc["value"], "effect": envelope.key,
        }  # fmt: skip
        if envelope.kind == "k_put":
            return _ref(await self.http.request("PUT", f"/k-put/items/{envelope.document_key}", json=body))
        if envelope.kind == "k_once":
            headers = {"Idempotency-Key": envelope.key}
            return _ref(await self.http.request("POST", "/k-once/items", json=body, headers=headers))
        if envelope.kind == "q" and envelope.ref is not None:
            return _ref(await self.http.request("PUT", f"/q/items/{envelope.ref.id}", json=body))
        return _ref(await self.http.request("POST", f"/{resource}/items", json=body))

    async def end(self, envelope: Envelope, how: str) -> ExternalRef:
        raise Rejected("nothing ends here")

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        answer = await self.http.request("GET", "/q/items", params={"marker": envelope.marker})
        found = [item for item in _items(answer) if item.get("effect") == envelope.key]
        return ExternalRef(id=str(found[0]["id"])) if found else None

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        seen: list[Observed | None] = []
        for envelope in envelopes:
            assert envelope.ref is not None
            resource = envelope.kind.replace("_", "-")
            answer = await self.http.request("GET", f"/{resource}/items/{envelope.ref.id}")
            seen.append(
                Observed(doc={"value": answer.body["value"]}, ref=envelope.ref) if answer.status == 200 else None
            )
        return seen


def _items(answer: Answer) -> list[Mapping[str, Json]]:
    body = answer.body
    return list(body["items"] if isinstance(body, dict) else body)


def _ref(answer: Answer) -> ExternalRef:
    if answer.status >= 400:
        raise Rejected(f"the value was refused with {answer.status}")
    if "error" in answer.body:  # F6: a refusal that calls itself 200
        raise Rejected("the value was refused")
    return ExternalRef(id=str(answer.body["id"]))
