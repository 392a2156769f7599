"""Compares the store with what was signed outside, line by line: here a rewritten chain is found that fits in itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from psycopg import AsyncConnection

from tieline.engine.feed.chain import epoch_start, genesis
from tieline.engine.feed.merkle import Head
from tieline.engine.feed.signed import EpochStart, Unreadable, line_hash, read_line
from tieline.engine.feed.verify.findings import Finding, Kind, Report
from tieline.engine.rows import Row, tenant_transaction
from tieline.ports.audit import Keys, Sink

BATCH = 500


@dataclass(slots=True, kw_only=True)
class Vouched:
    """What the outside record says of one tenant, held against the store."""

    agreed: int = 0  # the last signed position at which both tell the same
    missing: list[tuple[int, int]] = field(default_factory=list)  # (epoch, position): the first per epoch that is gone
    differs: int | None = None  # the first signed position with another hash
    declared: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # epoch: after position, after hash


@dataclass(slots=True)
class Outside:
    connection: AsyncConnection[Any]
    keys: Keys
    report: Report
    vouched: dict[str, Vouched] = field(default_factory=lambda: defaultdict(Vouched))
    _last: bytes | None = None
    _waiting: dict[str, list[Head]] = field(default_factory=lambda: defaultdict(list))

    async def read(self, sink: Sink, tenants: dict[str, Lineage]) -> None:
        waiting = 0
        for raw in sink.lines():
            self.report.lines += 1
            heads = self._line(raw)
            for head in heads:
                self._waiting[head.tenant].append(head)
            waiting += len(heads)
            if waiting >= BATCH:
                await self._compare(tenants)
                waiting = 0
        await self._compare(tenants)

    def _line(self, raw: bytes) -> tuple[Head, ...]:
        """The heads to believe. A line that was not written by us is reported and believed in nothing."""
        before, self._last = self._last, raw
        try:
            line = read_line(raw, self.keys)
        except Unreadable:
            self.report.unreadable += 1
            return ()
        if not line.genuine:
            self._found(Kind.FORGED_HEAD, "was not signed with a key of this hub, or its root is not that of its heads")
            return ()
        if line.previous != (line_hash(before) if before is not None else b""):
            self._found(Kind.RECORD, "does not follow the line before it: lines were taken out, put in or changed")
        return line.heads if line.start is None else (self._declared(line.start),)

    def _declared(self, start: EpochStart) -> Head:
        """A signed beginning vouches for all that it stands on."""
        self.vouched[start.tenant].declared[start.epoch] = (start.after_position, start.after_hash)
        begun = epoch_start(start.tenant, start.epoch, start.after_position, start.after_hash)
        return Head(tenant=start.tenant, epoch=start.epoch, position=start.after_position, hash=begun)

    def _found(self, kind: Kind, sentence: str) -> None:
        number = self.report.lines
        if not any(each.kind is kind for each in self.report.record):  # the first says where; the rest would bury it
            said = Finding(kind=kind, tenant=None, position=None, sentence=f"Line {number} {sentence}.", line=number)
            self.report.record.append(said)

    async def _compare(self, tenants: dict[str, Lineage]) -> None:
        for tenant, heads in self._waiting.items():
            lineage = tenants.get(tenant) or Lineage(tenant=tenant)
            hashes = await self._hashes(tenant, heads)
            for head in heads:
                _judge(self.vouched[tenant], lineage, head, hashes.get(head.position))
        self._waiting.clear()

    async def _hashes(self, tenant: str, heads: list[Head]) -> dict[int, Row]:
        async with tenant_transaction(self.connection, tenant) as cursor:
            await cursor.execute(_HASHES, (tenant, [head.position for head in heads]))
            return {row["position"]: row for row in await cursor.fetchall()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The epochs that the store's own history runs through."""

    tenant: str
    epochs: dict[int, Row] = field(default_factory=dict)

    def given_up(self, head: Head) -> bool:
        """A later restore of this history says that it dropped this position."""
        if head.epoch > 1 and head.epoch not in self.epochs:
            return any(epoch > head.epoch for epoch in self.epochs)
        return any(epoch > head.epoch and row["after_position"] < head.position for epoch, row in self.epochs.items())

    def beginning(self, head: Head) -> bytes | None:
        """The hash that a head shows while its epoch has no row yet."""
        if head.epoch == 1:
            return genesis(self.tenant) if head.position == 0 else None
        row = self.epochs.get(head.epoch)
        if row is None or row["after_position"] != head.position:
            return None
        return epoch_start(self.tenant, head.epoch, head.position, bytes(row["after_hash"]))


def _judge(vouched: Vouched, lineage: Lineage, head: Head, row: Row | None) -> None:
    if lineage.given_up(head):
        return
    beginning = lineage.beginning(head)
    stored = beginning if beginning is not None else bytes(row["hash"]) if row is not None else None
    if stored is None:
        vouched.missing.append((head.epoch, head.position))
        del vouched.missing[1:]
    elif stored == head.hash:
        vouched.agreed = max(vouched.agreed, head.position)
    elif vouched.differs is None or head.position < vouched.differs:
        vouched.differs = head.position


_HASHES = "select position, hash from seals where tenant_id = %s and position = any(%s)"
