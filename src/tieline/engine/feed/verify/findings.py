"""What a verification says."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """How the history was damaged. `record` is damage of the outside record itself."""

    EDIT = "edit"
    DELETE = "delete"
    INSERT = "insert"
    REORDER = "reorder"
    TAIL_CUT = "tail_cut"
    SWAP = "swap_between_tenants"
    FORGED_HEAD = "forged_head"
    FORK = "fork"
    RECORD = "outside_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`position` is the first that is damaged; with `through`, the damage lies between the two. None: not in a chain."""

    kind: Kind
    tenant: str | None
    position: int | None
    sentence: str
    through: int | None = None
    event_id: str | None = None
    line: int | None = None


@dataclass(slots=True, kw_only=True)
class TenantReport:
    """`signed_position`: up to here somebody outside vouches. What comes after can still be edited unseen."""

    tenant: str
    epoch: int = 0
    position: int = 0
    signed_position: int = 0
    checked: int = 0
    expired: int = 0  # content that is no longer kept; its digests are
    epochs: list[dict[str, Any]] = field(default_factory=list)
    finding: Finding | None = None

    def found(self, finding: Finding | None) -> None:
        """Keep the earliest. A span that ends behind what is known already says less than that."""
        if finding is None:
            return
        if self.finding is None or (finding.through or _at(finding)) < _at(self.finding):
            self.finding = finding


@dataclass(slots=True, kw_only=True)
class Report:
    lines: int = 0
    unreadable: int = 0
    tenants: list[TenantReport] = field(default_factory=list)
    record: list[Finding] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        return [*self.record, *(each.finding for each in self.tenants if each.finding is not None)]


def _at(finding: Finding) -> int:
    return finding.position if finding.position is not None else 2**63
