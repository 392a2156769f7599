"""The smallest foreign systems that differ in what the engine must care about: what a second send does.

`/k-once` remembers its idempotency keys for ever, `/k-put` is overwritten by a late send, `/q` creates each time but
can be searched, `/n` creates each time and cannot. `/k-put/batch` and `/q/batch` take many items in one call. A body is
`{"key": …, "revision": …, …}`; each effect is in the truth journal with both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.kit.canonical import Json, encode
from tieline.kit.errors import NotFound, Rejected, TielineError
from tieline.twins.chassis import Twin, accepted, answer, body, fault_of, reading_as_of
from tieline.twins.kv.batch import read_order, refusal, told

_STATUS = {"not_found": 404, "key_reused": 422}


class KeyValueTwin(Twin):
    """Options: `q_lag_s` — how long a created item of `/q` stays out of search results (reads by id see it at once)."""

    name = "kv"

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/k-once/items", self._once, methods=["POST"]),
            Route("/k-put/items/{id}", self._put, methods=["PUT"]),
            Route("/k-put/items/{id}", self._remove, methods=["DELETE"]),
            Route("/q/items", self._create_q, methods=["POST"]),
            Route("/q/items", self._search, methods=["GET"]),
            Route("/q/items/{id}", self._update, methods=["PUT", "PATCH"]),
            Route("/n/items", self._create_n, methods=["POST"]),
            Route("/{kind}/batch", self._batch, methods=["POST"]),
            Route("/{kind}/items/{id}", self._read, methods=["GET"]),
        ]

    def principal(self, request: Request) -> str:
        return request.headers.get("authorization", "anonymous").removeprefix("Bearer ")

    def explain(self, error: TielineError) -> Response:
        return answer({"code": error.code, "message": error.detail}, _STATUS.get(error.code, 400))

    async def _once(self, request: Request) -> Response:
        """Same key and bytes: the first answer again. Same key, other bytes: refused."""
        given = await _item(request)
        key = request.headers.get("idempotency-key", "")
        if not key:
            raise Rejected("The header Idempotency-Key is missing; send one key per intended effect.")
        digest = hashlib.sha256(await request.body()).hexdigest()
        known = self.store.get("idempotency", key, fresh=True)
        if known is not None and known["digest"] != digest:
            raise Rejected("This Idempotency-Key was used with another body.", code="key_reused")
        if known is not None:
            return answer(known["answer"], 201, headers={"idempotency-replayed": "true"})
        if (refused := _acted_error(request)) is not None:
            return refused
        item = self._created("k-once", given)
        self.store.put("idempotency", key, {"digest": digest, "answer": item})
        self._state(request, "create", "k-once", given)
        return answer(item, 201)

    async def _put(self, request: Request) -> Response:
        """Replaces whatever is there, also when an older send arrives late."""
        given = await _item(request)
        if (refused := _acted_error(request)) is not None:
            return refused
        id = request.path_params["id"]
        before = self.store.get("k-put", id, fresh=True)
        item = {**given, "id": id, "version": 1 if before is None else before["version"] + 1}
        self.store.put("k-put", id, item)
        self._state(request, "put", "k-put", given)
        return answer(item, 201 if before is None else 200)

    async def _remove(self, request: Request) -> Response:
        id = request.path_params["id"]
        if self.store.delete("k-put", id):
            self._state(request, "delete", "k-put", {"key": id})
        return accepted()

    async def _create_q(self, request: Request) -> Response:
        return await self._create(request, "q")

    async def _create_n(self, request: Request) -> Response:
        return await self._create(request, "n")

    async def _create(self, request: Request, kind: str) -> Response:
        """Every POST is one more item."""
        given = await _item(request)
        if (refused := _acted_error(request)) is not None:
            return refused
        item = self._created(kind, given)
        self._state(request, "create", kind, given)
        return answer(item, 201)

    async def _search(self, request: Request) -> Response:
        """By `marker`, as an index that lags `q_lag_s` behind the writes."""
        marker = request.query_params.get("marker")
        moment = self.clock.time() - float(self.options.get("q_lag_s", "0"))
        with reading_as_of(moment):
            found = self.store.list("q") if marker is None else self.store.labelled("q", "marker", marker)
        return answer({"items": [item for _, item in found]})

    async def _update(self, request: Request) -> Response:
        """PUT replaces, PATCH merges; both keep id and count a version."""
        given = await _item(request)
        id = request.path_params["id"]
        before = self.store.get("q", id, fresh=True)
        if before is None:
            raise NotFound(f"There is no item {id}.")
        if (refused := _acted_error(request)) is not None:
            return refused
        base = before if request.method == "PATCH" else {}
        item = {**base, **given, "id": id, "version": before["version"] + 1}
        self.store.put("q", id, item, labels=_labels(item))
        self._state(request, "update", "q", given)
        return answer(item)

    async def _batch(self, request: Request) -> Response:
        """Many items in one call, as `batch.py` says; what it executes is in the journal row by row."""
        order = read_order(await body(request))
        kind, fault = request.path_params["kind"], fault_of(request)
        failing = {item["key"]: reason for item in order.items if (reason := refusal(item, fault))}
        if failing and order.all_or_none:
            raise Rejected(f"Nothing was saved: {'; '.join(sorted(failing.values()))}.")
        rows = []
        for item in order.items:
            if reason := failing.get(item["key"]):
                rows.append({"key": item["key"], "error": {"code": "VALIDATION", "message": reason}})
            else:
                rows.append({"key": item["key"], "id": self._one_of_many(request, kind, item)})
        return answer({"results": told(rows, fault)})

    def _one_of_many(self, request: Request, kind: str, given: Json) -> str:
        """An item of a batch has the effect that the single call would have."""
        if kind == "q":
            id = str(self._created("q", given)["id"])
        else:
            id = str(given["key"])
            before = self.store.get("k-put", id, fresh=True)
            item = {**given, "id": id, "version": 1 if before is None else before["version"] + 1}
            self.store.put("k-put", id, item)
        self._state(request, "put" if kind == "k-put" else "create", kind, given)
        return id

    async def _read(self, request: Request) -> Response:
        id = request.path_params["id"]
        raw = self.store.raw(request.path_params["kind"], id)
        if raw is None:
            raise NotFound(f"There is no item {id}.")
        return answer(raw)

    def _created(self, kind: str, given: Json) -> Json:
        id = f"{kind}-{self.store.next_number(kind)}"
        item = {**given, "id": id, "version": 1}
        self.store.put(kind, id, item, labels=_labels(item))
        return item

    def _state(self, request: Request, operation: str, kind: str, given: Json) -> None:
        self.journal.append(
            principal=self.principal(request),
            operation=operation,
            kind=kind,
            natural_key=str(given["key"]),
            payload=given,
            idempotency_key=request.headers.get("idempotency-key"),
            correlation=request.headers.get("tieline-correlation-id"),
        )


def _labels(item: Json) -> dict[str, str]:
    return {"marker": str(item["marker"])} if "marker" in item else {}


async def _item(request: Request) -> Json:
    given = await body(request)
    if not isinstance(given, dict) or not isinstance(given.get("key"), str):
        raise Rejected("The body must be an object with a text `key`.")
    encode(given)
    return given


def _acted_error(request: Request) -> Response | None:
    """F6: an error inside an answer that says 200, and no effect."""
    fault = fault_of(request)
    if fault is None:
        return None
    return answer(fault.detail or {"error": {"code": "VALIDATION", "message": "the item was not accepted"}})
