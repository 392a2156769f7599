"""Whose turn it is: weighted round robin over tenants, and within a tenant over classes. Pure and deterministic.

The bound, tested as it stands: of any K turns in a row, whoever has work gets at least `(K - n) * w / W - 1`, and waits
at most `W / w + n` turns for one; `w` is its weight, `W` the sum of the weights and `n` the number of all that have work.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from tieline.engine.budgets.criticality import WEIGHTS, Criticality

Name = TypeVar("Name", bound=Hashable)


@dataclass(slots=True)
class Robin(Generic[Name]):
    """Stride scheduling: everybody has a pass; the smallest goes next and moves on by 1/weight.

    Who comes (back) begins where the others are: absence earns no credit, so nobody can save up a burst.
    """

    passes: dict[Name, int] = field(default_factory=dict)
    now: int = 0

    def turn(self, weights: Mapping[Name, int]) -> Name:
        """Who goes next among those that have work (in `weights`, at least one)."""
        for name in [name for name in self.passes if name not in weights]:
            del self.passes[name]
        for name in weights:
            if name not in self.passes:
                self.passes[name] = self.now + _STEP // weights[name]
        chosen = min(weights, key=lambda name: (self.passes[name], -weights[name], str(name)))
        self.now = self.passes[chosen]
        self.passes[chosen] = self.now + _STEP // weights[chosen]
        return chosen


_STEP = 1 << 40  # large, so that whole numbers lose nothing that counts
Who = tuple[str, Criticality]


@dataclass(slots=True)
class Turns:
    """Tenant first, then class: nobody's flood of releases takes another tenant's share."""

    tenants: Robin[str] = field(default_factory=Robin)
    classes: dict[str, Robin[Criticality]] = field(default_factory=dict)

    def turn(self, waiting: set[Who], weights: Mapping[str, int]) -> Who:
        """The next of `waiting`, which is not empty. A tenant without a weight has 1."""
        tenants = {tenant: weights.get(tenant, 1) for tenant, _ in waiting}
        tenant = self.tenants.turn(tenants)
        for gone in [name for name in self.classes if name not in tenants]:
            del self.classes[gone]
        robin = self.classes.setdefault(tenant, Robin())
        return tenant, robin.turn({c: WEIGHTS[c] for name, c in waiting if name == tenant})
