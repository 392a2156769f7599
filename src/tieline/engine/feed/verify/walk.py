"""One tenant's chain from its first row to its head, page by page: every link, every event, every epoch's beginning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.feed.chain import FIRST_EPOCH, Link, digest, epoch_start, genesis, link
from tieline.engine.feed.verify.findings import Finding, Kind, TenantReport
from tieline.engine.feed.verify.naming import Broken, name_damage, name_missing_event
from tieline.engine.rows import Row, tenant_transaction

PAGE = 1000


@dataclass(slots=True)
class Walk:
    """Where the walk stands: the hash and position before the next row."""

    connection: AsyncConnection[Any]
    report: TenantReport
    others: tuple[str, ...]
    kept_since: datetime  # what is older may be gone by plan
    epochs: dict[int, Row]
    epoch: int = FIRST_EPOCH
    position: int = 0
    before: bytes = b""

    @property
    def tenant(self) -> str:
        return self.report.tenant

    async def through(self, head: int) -> None:
        """Up to and with position `head`, or to the first damage."""
        self.before = genesis(self.tenant)
        while self.position < head and self.report.finding is None:
            rows = await self._page(head)
            if not rows:
                self.report.found(self._cut(head))
                return
            for row in rows:
                finding = self._begun(row) or await self._link(row) or await self._event(row)
                if finding is not None:
                    self.report.found(finding)
                    return
                self.position, self.before = row["position"], bytes(row["hash"])
                self.report.checked += 1

    def link_of(self, row: Row) -> Link:
        return Link(
            tenant=self.tenant, epoch=row["epoch"], position=row["position"], event_id=row["event_id"],
            recorded_at=row["recorded_at"], lane=row["lane"], lane_seq=row["lane_seq"], digest=bytes(row["digest"]),
        )  # fmt: skip

    async def _page(self, head: int) -> list[Row]:
        async with tenant_transaction(self.connection, self.tenant) as cursor:
            await cursor.execute(_PAGE, (self.tenant, self.position, head, PAGE))
            return list(await cursor.fetchall())

    def _begun(self, row: Row) -> Finding | None:
        """A row of a later epoch must follow that epoch's written beginning."""
        if row["epoch"] == self.epoch:
            return None
        start = self.epochs.get(row["epoch"])
        if start is None or row["epoch"] < self.epoch or start["after_position"] != row["position"] - 1:
            return self.damage(
                Kind.FORK, row["position"], "The epoch changes here, and no restore was declared for it."
            )
        if bytes(start["after_hash"]) != self.before:
            return self.damage(Kind.FORK, row["position"], "The declared restore started from another history.")
        self.epoch = row["epoch"]
        self.before = epoch_start(self.tenant, self.epoch, start["after_position"], self.before)
        return None

    async def _link(self, row: Row) -> Finding | None:
        if row["position"] == self.position + 1 and link(self.before, self.link_of(row)) == bytes(row["hash"]):
            return None
        broken = Broken(tenant=self.tenant, position=self.position + 1, before=self.before, others=self.others)
        return await name_damage(self.connection, broken)

    async def _event(self, row: Row) -> Finding | None:
        """The content must be there and be what was sealed."""
        place = f"Event {row['event_id']} at position {row['position']}"
        if row["type"] is None:
            if row["recorded_at"] < self.kept_since:
                self.report.expired += 1
                return None
            elsewhere = await name_missing_event(self.connection, row["event_id"], self.others)
            if elsewhere:
                return self.damage(Kind.SWAP, row["position"], f"{place} stands under {elsewhere} now.", row)
            return self.damage(Kind.DELETE, row["position"], f"{place} is gone from the journal.", row)
        stored = {**row, "lane": row["event_lane"], "lane_seq": row["event_lane_seq"]}
        if digest(self.tenant, stored) == bytes(row["digest"]):
            return None
        if digest(self.tenant, row) == bytes(row["digest"]):
            return self.damage(Kind.REORDER, row["position"], f"{place} was moved inside or between lanes.", row)
        return self.damage(Kind.EDIT, row["position"], f"{place} was changed after it was sealed.", row)

    def end(self, head: Row) -> bytes:
        """The hash that the head must show: the last row's, or the beginning of an epoch that has no row yet."""
        start = self.epochs.get(head["epoch"])
        if start is None or head["epoch"] == self.epoch:
            return self.before
        return epoch_start(self.tenant, head["epoch"], self.position, self.before)

    def _cut(self, head: int) -> Finding:
        return self.damage(
            Kind.TAIL_CUT, self.position + 1, f"Positions {self.position + 1} to {head} were sealed and are gone."
        )

    def damage(self, kind: Kind, position: int, sentence: str, row: Row | None = None) -> Finding:
        event_id = str(row["event_id"]) if row else None
        return Finding(kind=kind, tenant=self.tenant, position=position, sentence=sentence, event_id=event_id)


_PAGE = """select s.*, e.type, e.subject, e.data::text as data_text, e.correlation_id, e.causation_id, e.actor,
  e.legal_entity, e.lane as event_lane, e.lane_seq as event_lane_seq
from (select * from seals where tenant_id = %s and position > %s and position <= %s order by position limit %s) s
left join events e on e.tenant_id = s.tenant_id and e.event_id = s.event_id and e.recorded_at = s.recorded_at
order by s.position"""
