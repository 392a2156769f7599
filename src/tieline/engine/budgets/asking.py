"""Calls that push nothing take their turns too: listings and direct reads of the census, polls of a source.

They enter the same gate as the pushes, in a class of their own, so that they get their part and never more than it leaves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.criticality import Criticality
from tieline.engine.budgets.gate import Turn
from tieline.engine.verdict import OK, Verdict
from tieline.kit.errors import Throttled, TielineError
from tieline.ports.systems import Envelope, ExternalRef, Listed, Listing, ListOrder, Observed, Page, SourceItem

Answer = TypeVar("Answer")
WAIT_S = 10.0  # a vendor may ask for silence much longer than a round may last: then it is another round's


class NoTurn(Exception):
    """The system is down, silent or busy with what is more critical: nothing was asked, and nothing is wrong."""


class Asking:
    """The turns of one connection: `key` is (tenant, system)."""

    def __init__(self, budgets: Budgets, key: tuple[str, str], criticality: Criticality) -> None:
        self._budgets, self._key, self._criticality = budgets, key, criticality

    async def ask(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """`call` in its turn. Raises NoTurn when its turn does not come, and what the call raises."""
        turn = await self._enter()
        heard: Verdict | None = None  # given up on our side: that says nothing of the vendor
        try:
            answer = await call()
            heard = OK
            return answer
        except TielineError as error:
            heard = _heard(error)
            raise
        finally:
            self._budgets.leave(turn, heard)

    async def _enter(self) -> Turn:
        try:
            async with asyncio.timeout(WAIT_S):
                turn = await self._budgets.enter(self._key, self._criticality)
        except TimeoutError:
            turn = None
        if turn is None:
            raise NoTurn(self._key)
        return turn


def _heard(error: TielineError) -> Verdict:
    """As the pump's calls are judged: only a wish of the vendor's own pauses what shares the budget."""
    pause_s = (error.retry_after_s or 0.0) if isinstance(error, Throttled) else 0.0
    return Verdict(state="failed", next="retry", code=error.code, detail=error.detail, pause_system_s=pause_s)


class InTurn:
    """A system for reading only, each of whose calls waits for its turn."""

    def __init__(self, system: Any, asking: Asking) -> None:
        self._system, self._asking = system, asking
        self.name: str = system.name
        self.listed_kinds: tuple[str, ...] = getattr(system, "listed_kinds", ())
        self.page_documents: Mapping[str, int] = getattr(system, "page_documents", {})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._system, name)

    async def read(self, envelopes: Sequence[Envelope]) -> Sequence[Observed | None]:
        found: Sequence[Observed | None] = await self._asking.ask(lambda: self._system.read(envelopes))
        return found

    async def look(self, envelope: Envelope) -> ExternalRef | None:
        found: ExternalRef | None = await self._asking.ask(lambda: self._system.look(envelope))
        return found

    async def list_documents(self, kind: str, order: ListOrder) -> Listing:
        page: Listing = await self._asking.ask(lambda: self._system.list_documents(kind, order))
        return page

    def listed(self, kind: str, found: Listed, ours: Any) -> Observed:
        told: Observed = self._system.listed(kind, found, ours)
        return told


class SourceInTurn:
    """A source, each of whose pages and fetches waits for its turn."""

    def __init__(self, source: Any, asking: Asking) -> None:
        self._source, self._asking = source, asking

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    async def fetch(self, topic: str, source_ids: Sequence[str]) -> Sequence[SourceItem | None]:
        found: Sequence[SourceItem | None] = await self._asking.ask(lambda: self._source.fetch(topic, source_ids))
        return found

    async def pages(self, topic: str, cursor: str | None) -> AsyncIterator[Page]:
        pages = aiter(self._source.pages(topic, cursor))
        while (page := await self._asking.ask(lambda: anext(pages, None))) is not None:
            yield page
