"""One examination room: the connector behind the fault proxy, and the making of envelopes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tieline import sdk
from tieline.adapters.http import GuardedHttp
from tieline.conformance.proxy import FaultProxy, faulty
from tieline.conformance.recovery import settle
from tieline.conformance.samples import ORDER, Chain, chain, key_of
from tieline.conformance.target import ExamTarget, SampleTerms, Truth
from tieline.kit.canonical import decode, digest, encode, plain
from tieline.ports.http import Http
from tieline.sdk.system import ConnectedSystem


class Failed(Exception):
    """A promise that was not kept; the text says which and how it showed."""


def demand(kept: bool, otherwise: str) -> None:
    if not kept:
        raise Failed(otherwise)


class Bench:
    """`run` makes the ids of this run its own, so that a system with a past can be examined again."""

    def __init__(self, target: ExamTarget, proxy: FaultProxy, http: Http, run: str) -> None:
        self.target = target
        self.proxy = proxy
        self.http = http
        self._run = run
        self._cases = 0
        self.connector = self.connect(target.overlay)
        self.system = ConnectedSystem(target.connector.manifest.name, self.connector)

    def connect(self, overlay: Mapping[str, Mapping[str, str]]) -> sdk.Connector:
        values: dict[str, Any] = {**self.target.settings, "base_url": self.proxy.url, "allow_private_addresses": True}
        settings = self.target.connector.settings_type(**values)
        return self.target.connector(settings, self.http, self.target.secrets, overlay)

    @property
    def terms(self) -> SampleTerms:
        if self.target.terms is None:
            raise Failed("the target names no sample terms, so that nothing can be written")
        return self.target.terms

    @property
    def truth(self) -> Truth:
        if self.target.truth is None:
            raise Failed("the target has no witness of what really happened")
        return self.target.truth

    async def case(self, kind: str) -> Case:
        """A fresh chain of which everything before `kind` is already in the system."""
        self._cases += 1
        case = Case(self, chain(self.terms, f"{self._run}-{self._cases}"), kind)
        for earlier in ORDER[: ORDER.index(kind)]:
            if self.system.operation(earlier, "put") is not None:
                envelope = case.envelope(earlier)
                case.links[f"{earlier}/{envelope.document_key}"] = await settle(self.system, envelope, self.target.wait)
        self.proxy.reset()
        return case


class Case:
    """One document on its way into the system, with references to those it depends on."""

    def __init__(self, bench: Bench, documents: Chain, kind: str) -> None:
        self.kind = kind
        self.chain = documents
        self.links: dict[str, sdk.ExternalRef] = {}
        self._entity = bench.terms.legal_entity

    def envelope(
        self, kind: str = "", *, document: Any = None, revision: int = 1, ref: sdk.ExternalRef | None = None
    ) -> sdk.Envelope:
        kind = kind or self.kind
        # As the store keeps it: plain JSON, in which a tuple is a list.
        doc = decode(encode(plain(document if document is not None else self.chain.documents[kind])))
        return sdk.Envelope(
            kind=kind,
            document_key=key_of(doc),
            doc=doc,
            revision=revision,
            key=digest([kind, key_of(doc), revision, doc]).hex(),
            marker=key_of(doc),
            ref=ref,
            links=dict(self.links),
            legal_entity=self._entity,
        )


@asynccontextmanager
async def bench_for(target: ExamTarget, run: str) -> AsyncIterator[Bench]:
    async with faulty(target.base_url) as proxy:
        http = GuardedHttp(proxy.url, name=target.connector.manifest.title, allow_private_addresses=True)
        try:
            yield Bench(target, proxy, http, run)
        finally:
            await http.aclose()
