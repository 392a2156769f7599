"""Which call goes first when a vendor bears fewer than we have. One table, used by the claim and by the gate alike."""

from __future__ import annotations

from enum import IntEnum


class Criticality(IntEnum):
    """The value is the queue's `priority`."""

    RELEASE = 1  # acts: an invoice is posted, money moves
    ACTIVATION = 2  # a signed contract becomes a project
    MOVEMENT = 3  # time and expenses on their way to be billed
    STATE = 5  # everything that ought to be so, and read-backs
    NOTICE = 7
    CENSUS = 9  # listings that compare; they can wait


# Of a tenant's starts each class that has work gets at least its weight / the sum: 32 of 63 for releases.
WEIGHTS = {
    Criticality.RELEASE: 32,
    Criticality.ACTIVATION: 16,
    Criticality.MOVEMENT: 8,
    Criticality.STATE: 4,
    Criticality.NOTICE: 2,
    Criticality.CENSUS: 1,
}
WEIGHT_SUM = sum(WEIGHTS.values())
_OF_NATURE = {"act": Criticality.RELEASE, "movement": Criticality.MOVEMENT, "notice": Criticality.NOTICE}


def of_nature(nature: str) -> Criticality:
    """The class of a replica's push; what is not named otherwise is a state."""
    return _OF_NATURE.get(nature, Criticality.STATE)


def most_at_once(criticality: Criticality, slots: int) -> int:
    """Listings are long calls and may hold half the slots; everything else may use what is free."""
    return max(1, slots // 2) if criticality is Criticality.CENSUS else slots
