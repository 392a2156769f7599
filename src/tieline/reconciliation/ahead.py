"""Several pages of one listing under way at once. A population is divided where documents of ours lie, a page apart.

Calls outlive the round in which they began: a round stores what has come and leaves the others under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from tieline.engine.rows import Cursor
from tieline.kit.errors import Unavailable
from tieline.ports.systems import Lister, Listing, ListOrder
from tieline.reconciliation.runs import Run

CALL_S = 60.0


@dataclass(slots=True)
class Part:
    """What lies behind `after` up to `until`; None: the beginning, the end."""

    after: str | None
    until: str | None
    under_way: bool = False


async def divided(cursor: Cursor, run: Run, page: int | None) -> list[Part]:
    """From the stored position on, a page of ours in each part. What is strange to us lies between, so no part is exact."""
    places: list[str] = []
    if page is not None and run.mode == "full":
        await cursor.execute(_PLACES, {"tenant": run.tenant, "system": run.system, "kind": run.kind, "page": page})
        places = [row["place"] for row in await cursor.fetchall() if _behind(row["place"], run.token)]
    return [Part(after, until) for after, until in zip([run.token, *places], [*places, None], strict=True)]


def _behind(place: str, token: str | None) -> bool:
    return token is None or int(place) > int(token)


class Ahead:
    """The calls of one run. `step` is the run's step that the pages handed out so far have led to."""

    def __init__(self, lister: Lister, kind: str, since: datetime | None, parts: Sequence[Part], at_once: int) -> None:
        self.lister, self.kind, self.since, self.at_once = lister, kind, since, at_once
        self.step = -1
        self._parts = list(parts)  # in order; what is done is gone
        self._calls: dict[asyncio.Task[Listing], Part] = {}

    @property
    def token(self) -> str | None:
        """Everything up to here was handed out: a run that is taken up again begins here."""
        return self._parts[0].after if self._parts else None

    @property
    def over(self) -> bool:
        return not self._parts

    async def page(self, ends_at: float) -> Listing | None:
        """The next page that comes; None when none has come until `ends_at` (monotonic). Raises what a call raised."""
        self._begin()
        wait_s = None if ends_at == float("inf") else max(0.0, ends_at - time.monotonic())
        done, _ = await asyncio.wait(self._calls, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            return None
        call = next((each for each in done if each.exception() is None), next(iter(done)))
        part = self._calls.pop(call)
        part.under_way = False
        page = call.result()
        self._advance(part, page.token)
        self._begin()  # the place that came free is used while this page is stored
        return page

    def drop(self) -> None:
        for call in self._calls:
            call.cancel()
        self._calls.clear()

    def _begin(self) -> None:
        for part in self._parts:
            if len(self._calls) >= self.at_once:
                return
            if not part.under_way:
                part.under_way = True
                self._calls[asyncio.create_task(self._call(part))] = part

    async def _call(self, part: Part) -> Listing:
        order = ListOrder(token=part.after, until=part.until, changed_since=self.since)
        async with asyncio.timeout(CALL_S):
            return await self.lister.list_documents(self.kind, order)

    def _advance(self, part: Part, token: str | None) -> None:
        at = self._parts.index(part)
        if token is None:
            del self._parts[at]
            return
        if token == part.after:
            raise Unavailable(f"It answers the same page of its {self.kind} again and again.")
        part.after = token
        # What is left of it goes together with the next part: otherwise every page but one would be nearly empty.
        following = self._parts[at + 1] if at + 1 < len(self._parts) else None
        if following is not None and not following.under_way and following.after == part.until:
            part.until = following.until
            del self._parts[at + 1]


# Shorter first is the order of numbers; what was taken back is not there any more.
_PLACES: LiteralString = """select place from (
  select external->>'id' as place, row_number() over (order by length(external->>'id'), external->>'id') as n
  from replicas where tenant_id = %(tenant)s and system = %(system)s and kind = %(kind)s
    and external->>'id' ~ '^[0-9]{1,18}$' and ended is distinct from 'cancel') r
where n %% %(page)s = 0 order by length(place), place"""
