"""The orders that people and machines give the engine. The API, the console and the CLI know nothing deeper.

All raise NotFound (also for what belongs to another tenant), Conflict, Blocked, Unavailable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from uuid import UUID

from tieline.kit.canonical import Json
from tieline.ports.landscape import TenantSetup


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """One replica as it is and as it would become. `gate` names the approval that the change waits for."""

    replica_id: str
    system: str
    kind: str
    key: str
    action: Literal["create", "update", "end", "none"]
    before: Json = None
    after: Json = None
    gate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A replica in a system that no longer plays the role it was written for: it stays where it is."""

    replica_id: str
    system: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would happen now. `holds` are plain documents: code, subject, owner, sentence, way_out, amount, currency."""

    holds: Sequence[Json]
    items: Sequence[PlanItem]
    plan_id: str | None = None
    left: Sequence[Left] = ()


class Commands(Protocol):
    async def preview(self, tenant: str, lane: str, setup: TenantSetup | None = None) -> Preview:
        """What would change now, or under another `setup`; the latter has no plan that could be applied. Writes nothing."""
        ...

    async def approve_plan(self, tenant: str, plan_id: str, principal: str, correlation_id: UUID) -> str:
        """Let exactly this plan go ahead; answers its state. Conflict (`stale_plan`) when the world moved since."""
        ...

    async def approve(
        self, tenant: str, lane: str, subject: str, digest_hex: str, principal: str, correlation_id: UUID
    ) -> None:
        """A person's yes to one frozen document. Conflict when the digest is not the pending document's."""
        ...

    async def settle(
        self, tenant: str, hold_id: UUID, external_id: str | None, principal: str, correlation_id: UUID | None = None
    ) -> str:
        """A person looked after an ambiguous call: it is there under `external_id`, or certainly not (None)."""
        ...

    async def retry(
        self, tenant: str, lane: str, hold_id: UUID | None, principal: str, correlation_id: UUID | None = None
    ) -> int:
        """Try again now whatever this hold, or the whole lane, waits for; answers how much was released."""
        ...
