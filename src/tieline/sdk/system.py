"""Turns a connector into what the engine uses: `ports.systems.System`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from tieline.kit.canonical import Json
from tieline.kit.errors import Defect, TielineError, Unknown
from tieline.ports.limits import Limits, Meter
from tieline.ports.systems import Envelope, ExternalRef, Listed, Listing, ListOrder, Observed, Operation, OperationClass
from tieline.sdk.capabilities import Capability, ListsDocuments
from tieline.sdk.connector import Connector


class ConnectedSystem:
    """One connector under its configured name. Knows only which method serves which kind."""

    def __init__(
        self, name: str, connector: Connector, *, call_life_s: float | None = None, meter: Meter | None = None
    ) -> None:
        """`call_life_s` shortens or lengthens the longest life of a call that the manifest declares."""
        self.name = name
        self.connector = connector.manifest.name
        self.mapping_version = connector.manifest.mapping_version
        self.concurrency = int(getattr(connector.settings, "concurrency", connector.manifest.concurrency))
        declared = connector.manifest.limits or Limits(concurrency=self.concurrency)
        self.limits = replace(declared, concurrency=self.concurrency)
        self.meter = meter or Meter()
        self.source = connector
        self.listed_kinds = connector.listed_kinds if isinstance(connector, ListsDocuments) else ()
        self.page_documents = connector.page_documents if isinstance(connector, ListsDocuments) else {}
        self._operations = {key: _lived(each, call_life_s) for key, each in connector.manifest.operations.items()}
        self._verb_names = {c.kind: c.verb_name for c in _capabilities(type(connector))}
        for operation in self._operations.values():
            _check_batch(operation, connector, self._verb_names.get(operation.kind, operation.kind))

    def operation(self, kind: str, verb: str) -> Operation | None:
        return self._operations.get((kind, verb))

    async def put(self, envelope: Envelope) -> ExternalRef:
        return cast(ExternalRef, await self._method("put", envelope.kind)(envelope))

    async def put_many(self, envelopes: Sequence[Envelope]) -> Mapping[str, ExternalRef | TielineError]:
        """Whatever order the rows come back in, and whichever are missing: each document has its own outcome (F6)."""
        told = await self._method("put_many", envelopes[0].kind)(envelopes)
        return {envelope.key: told.get(envelope.key) or _unspoken(self.name) for envelope in envelopes}

    async def end(self, envelope: Envelope, how: str) -> ExternalRef:
        verb = "withdraw" if how == "cancel" else "close"
        return cast(ExternalRef, await self._method(verb, envelope.kind)(envelope))

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        return cast("ExternalRef | None", await self._method("find", envelope.kind)(envelope))

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        if not envelopes:
            return []
        return cast("Sequence[Observed | None]", await self._method("read", envelopes[0].kind)(envelopes))

    async def list_documents(self, kind: str, order: ListOrder) -> Listing:
        return await self._lister().list_documents(kind, order)

    def listed(self, kind: str, found: Listed, ours: Json) -> Observed:
        return self._lister().listed(kind, found, ours)

    def _lister(self) -> ListsDocuments:
        if not isinstance(self.source, ListsDocuments):
            raise Defect(f"{self.connector} cannot list what it holds: its manifest does not offer it")
        return self.source

    def _method(self, verb: str, kind: str) -> Callable[..., Awaitable[Any]]:
        name = f"{verb}_{self._verb_names.get(kind, kind)}"
        method = getattr(self.source, name, None)
        if method is None:
            raise Defect(f"{self.connector} has no {name}: the flow asks for what the manifest does not offer")
        return cast(Callable[..., Awaitable[Any]], method)


def _unspoken(system: str) -> Unknown:
    return Unknown(f"{system} answered the batch and did not say what became of this one")


def _check_batch(operation: Operation, connector: Connector, verb_name: str) -> None:
    """Raises Defect for a batch that nobody takes, and for one that nobody could repeat or look for."""
    if operation.batch > 1 and operation.op_class is OperationClass.N:
        raise Defect(f"{connector.manifest.name}: a {operation.kind} is of class N and goes one by one")
    if operation.batch > 1 and not hasattr(connector, f"put_many_{verb_name}"):
        raise Defect(f"{connector.manifest.name} declares batches of {operation.kind} and has no put_many_{verb_name}")


def _lived(operation: Operation, call_life_s: float | None) -> Operation:
    return operation if call_life_s is None else replace(operation, max_life=timedelta(seconds=call_life_s))


def _capabilities(connector: type[Connector]) -> list[type[Capability]]:
    return [c for c in connector.__mro__ if issubclass(c, Capability) and "kind" in vars(c)]
