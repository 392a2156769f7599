"""The firm's work under way: each contract from its signature to its second posted invoice, many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tieline.entrypoints.chaos.client import Sender
from tieline.entrypoints.chaos.paper import Hours, Paper
from tieline.entrypoints.demo import inbox
from tieline.kit.errors import Unavailable
from tieline.twins.process import Served

LOOK_S = 0.4


@dataclass(slots=True)
class Firm:
    """`patience_s` bounds every single wait, so that a run that hangs says where."""

    clm: Served
    sender: Sender
    patience_s: float
    invoices: dict[tuple[str, int], str] = field(default_factory=dict)  # (contract, 0 or 1) -> invoice
    releases: list[tuple[str, str]] = field(default_factory=list)  # (invoice, digest) that was answered yes
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    sheets: dict[tuple[str, int], dict[str, Any]] = field(
        default_factory=dict
    )  # (contract, number of the entry) -> event

    async def through(self, paper: Paper) -> None:
        """From signature to ledger."""
        await self.sign(paper.record)
        await self._until(f"{paper.id} in step", partial(self._in_step, paper))
        for amendment, number in zip(paper.amendments, range(1, 9), strict=False):
            await self.sign(amendment)
            await self._renumber(paper, number)
            await self._until(f"amendment {number} of {paper.id}", partial(self._amended, paper, number))
        await self.worked(paper)

    async def worked(self, paper: Paper) -> None:
        """Hours and invoices of a contract that the hub knows, or has to find out about: also once more after a restore."""
        await self._until(f"amendments of {paper.id}", partial(self._amended, paper, len(paper.amendments)))
        for number in (0, 1):
            hours = [one for one in paper.hours if one.invoice == number]
            await asyncio.gather(*(self._hand_in(paper, one) for one in hours))
            booked = len([one for one in paper.hours if one.invoice <= number])
            await self._until(f"{booked} hours of {paper.id}", partial(self._booked, paper, booked))
            await self._bill(paper, number)

    async def sign(self, record: dict[str, Any]) -> None:
        await asyncio.to_thread(self.clm.control, "seed", {"records": [record]})
        await asyncio.to_thread(self.clm.control, f"sign/{record['id']}", {})

    async def _renumber(self, paper: Paper, number: int) -> None:
        """A person's edit that no webhook tells: only polling finds it."""
        text = f"{paper.record['properties']['contractNumber']['value']}.{number}"
        document = {"properties": {"contractNumber": {"type": "string", "value": text}}}
        await asyncio.to_thread(self.clm.control, f"edit/{paper.record['id']}", document)

    async def _hand_in(self, paper: Paper, one: Hours) -> None:
        if (paper.id, one.number) not in self.sheets:
            self.sheets[paper.id, one.number] = inbox.approved_hours(
                contract_id=paper.id, line_id=paper.line(one.line), resource_id=one.who, work_date=one.on, hours=one.hours,
                narrative=f"Piece of work {one.number}",
            )  # fmt: skip
        event = self.sheets[paper.id, one.number]
        self.events[event["id"]] = event
        await self.sender.event(event)

    async def _bill(self, paper: Paper, number: int) -> None:
        key = f"bill-{paper.id}-{number}"
        through = paper.through[number].isoformat()
        body = {"through": through, "invoice_date": paper.through[1].isoformat()}
        asked = await self.sender.order("invoice", f"/process/v1/contracts/{paper.id}/invoices", body, key)
        invoice_id = asked["invoice_id"]
        self.invoices[paper.id, number] = invoice_id
        path = f"/process/v1/invoices/{invoice_id}"
        invoice = await self._until(f"invoice {invoice_id}", partial(self._waits_for_release, path))
        await self.sender.order("release", f"{path}/release", {"digest": invoice["digest"]}, f"release-{invoice_id}")
        self.releases.append((invoice_id, invoice["digest"]))

    async def _in_step(self, paper: Paper) -> dict[str, Any] | None:
        found = await self.sender.get(f"/experience/v1/contracts/{paper.id}")
        return found if found and found["status"] == "in_step" and found["replicas"] else None

    async def _amended(self, paper: Paper, count: int) -> bool:
        found = await self.sender.get(f"/experience/v1/contracts/{paper.id}")
        return bool(found and len(found["amendments"]) >= count)

    async def _booked(self, paper: Paper, count: int) -> bool:
        found = await self.sender.get(f"/experience/v1/contracts/{paper.id}")
        charges = [one for one in (found or {}).get("replicas", ()) if one["kind"] == "time_charge"]
        return len(charges) >= count  # after a restore some later ones may be there already

    async def _waits_for_release(self, path: str) -> dict[str, Any] | None:
        return await self.sender.get(path)

    async def _until(self, what: str, look: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    if found := await look():
                        return found
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise Unavailable(f"Nothing seen of {what} within {self.patience_s:.0f} s.") from None
