"""What a flow may say. The engine compares these with what is, and closes the difference.

Nothing here is a business word: `kind` names a canonical document, `role` a place in the firm's landscape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from tieline.kit.canonical import Json

Nature = Literal["state", "movement", "act", "notice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One document in one system: `role` and `legal_entity` choose the system by configuration."""

    kind: str
    key: str
    role: str
    legal_entity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The document that a system ought to hold.

    `lane`: the lane whose order governs the replica when it is not the flow's own (a client shared by contracts).
    `basis`: version of the record it derives from; an older basis never replaces a newer one.
    `after`: targets whose planned revision must be settled first; their external references reach the connector.
    `gate`: name of an approval that must cover a *change* of this replica (a plan is proposed and waits).
    `part`: the part of the lane that it belongs to, and is loaded with; None: looked at in every planning.
    """

    target: Target
    doc: Json
    nature: Nature = "state"
    after: tuple[Target, ...] = ()
    gate: str | None = None
    lane: str | None = None
    basis: int = 0
    order_group: str = ""
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A fact of quantity or money, minted once under `cause` and then a record of kind `kind` for ever.

    `part` and `marks` are those of its record (see `Mark`).
    """

    kind: str
    key: str
    cause: str
    doc: Json
    amount: str | None = None
    currency: str | None = None
    part: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An order with a frozen document. Sent only when an approval for `subject` covers exactly this document's digest.

    `covers`: the digest (hex) that the approval must carry when a person approved another document than the order
    itself, as an invoice is approved and its posting is ordered; None means the digest of `doc`.
    """

    target: Target
    doc: Json
    subject: str
    after: tuple[Target, ...] = ()
    covers: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Told at most once per cause, not after `expires_at`, never on replay."""

    target: Target
    doc: Json
    cause: str
    expires_at: datetime
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Why something may not move. Freezes what exists; lifted when the flow no longer says it.

    `sentence` is for a project manager; `way_out` names the field, the rule and the command or person that resolves it.
    """

    code: str
    subject: str
    owner: str
    sentence: str
    way_out: str
    evidence: Json = None
    amount: str | None = None
    currency: str | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The only retraction. `cancel` withdraws what never took effect, `close` ends it, `leave` forgets it in place."""

    target: Target
    how: Literal["close", "cancel", "leave"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAt:
    """Run the lane, or one part of it, again at this instant although nothing happened."""

    at: datetime
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What is still open about a record that belongs to a part: flows of the whole lane find it by its marks, unloaded else."""

    kind: str
    id: str
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A business event that the flow establishes, journaled once per cause. `type` is in the catalogue."""

    type: str
    subject: str
    cause: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Records of one kind in the lane, and their field of money."""

    kind: str
    field: str
    sign: Literal[1, -1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a pool may give: in all, and within each day or month of work. None is no limit.

    `basis`: an older basis never replaces a newer one. What was used before the pool was known is counted once, when it
    is declared for the first time: `counts` names records of the lane and the money field whose sum that is (added, or
    taken off where `sign` is -1), and `opening` what is to be added to that sum.
    """

    pool: str
    unit: str
    total: Decimal | None
    period: Literal["day", "month"] | None = None
    per_period: Decimal | None = None
    basis: int = 0
    opening: Decimal = Decimal(0)
    counts: tuple[Counted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Asks `pools`, all of them together, for `amount` under a key that is this request's for ever.

    Granted whole or not at all, or in multiples of `step` as far as it goes; the answer is in the next snapshot. What is
    not granted waits, and is offered again in order of `work_on`, then key. Saying it again with another amount changes it.
    `part`: the part of the lane that is planned again when an offer grants something.
    """

    pools: tuple[str, ...]
    key: str
    amount: Decimal
    unit: str
    work_on: date
    step: Decimal | None = None
    part: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Gives back whatever was granted under `key` and asks no more."""

    key: str


Decision = Desired | Movement | Act | Notice | Hold | Ended | WakeAt | Mark | Fact | Limit | Draw | Return
