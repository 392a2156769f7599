"""What one seed does: a subset of the faults with rates of its own, who dies, and what happens to the store. Printed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tieline.entrypoints.chaos import faults
from tieline.entrypoints.chaos.proxy import KINDS

Rates = Mapping[str, float]
VICTIMS = ("edge", "worker", "scheduler")
STORE_EVENTS = ("crash", "failover", "standby_crash")
_SHARE = 0.4  # of the catalogue in one draw
_STORE_CUTS = ("reset_request", "reset_answer", "cut_body", "delay", "black_hole", "black_hole_back")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """`victims` are roles that are killed over and over; `store` is what happens to PostgreSQL, in this order."""

    seed: int
    erp: Sequence[faults.Rule]
    clm: Sequence[faults.Rule]
    networks: Mapping[str, Rates]  # erp, clm, store
    victims: Sequence[str]
    sleepers: bool  # workers are stopped beyond their lease and woken
    parted: str  # the system that nobody can reach for a while, or none
    store: Sequence[str]
    approvals: bool = False  # the edge that takes the orders dies once in an approval

    def told(self) -> dict[str, Any]:
        """For people and machines: the name and rate of all that may happen."""
        return {
            "seed": self.seed,
            "erp": [_name(rule) for rule in self.erp],
            "clm": [_name(rule) for rule in self.clm],
            "networks": {name: dict(rates) for name, rates in self.networks.items() if rates},
            "victims": list(self.victims),
            "sleepers": self.sleepers,
            "parted": self.parted,
            "store": list(self.store),
            "approvals": self.approvals,
        }


def drawn(seed: int) -> Draw:
    """The same draw for the same seed. At least one process or the store dies in every draw."""
    chance = random.Random(f"draw {seed}")
    victims = [role for role, odds in (("worker", 0.8), ("edge", 0.4), ("scheduler", 0.5)) if chance.random() < odds]
    store = [event for event in STORE_EVENTS if chance.random() < 0.3]
    chance.shuffle(store)
    return Draw(
        seed=seed,
        erp=_some(faults.of_the_erp(chance.randrange(1000)), chance),
        clm=_some(faults.of_the_clm(chance.randrange(1000)), chance),
        networks={"erp": _rates(KINDS, 0.03, chance), "clm": _rates(KINDS, 0.03, chance), "store": _rates(_STORE_CUTS, 0.004, chance)},
        victims=victims if victims or store else ["worker"],
        sleepers=chance.random() < 0.3,
        parted=chance.choice(("", "", "", "erp", "clm")),
        store=store,
    )  # fmt: skip


def fierce(seed: int) -> Draw:
    """The draw of an hour's soak: every role dies, the store's first server four or five times, once or twice of them for good."""
    draw, chance = drawn(seed), random.Random(f"fierce {seed}")
    more = chance.choices(([], ["failover"], ["standby_crash"]), (0.3, 0.5, 0.2))[0]
    store = ["crash", "crash", "crash", "failover", *more]
    chance.shuffle(store)
    return replace(draw, victims=VICTIMS, store=store, approvals=chance.random() < 0.3, clm=_with_copies(draw.clm))


def fierce_alone(seed: int) -> Draw:
    """The same where there is no second server: it is killed once, before the hub is set back."""
    draw = drawn(seed)
    return replace(draw, victims=VICTIMS, store=["crash"], networks={}, parted="", clm=_with_copies(draw.clm))


def _with_copies(rules: Sequence[faults.Rule]) -> Sequence[faults.Rule]:
    """Webhooks come more than once in every draw, so that a chapter can be judged by what became of the copies."""
    return rules if any(rule["fault"]["code"] == "F18" for rule in rules) else [*rules, faults.of_the_clm(0)[0]]


def _some(rules: Sequence[faults.Rule], chance: random.Random) -> list[faults.Rule]:
    kept = []
    for rule in rules:
        keep, factor = chance.random() < _SHARE, chance.uniform(0.5, 3.0)
        match = {**rule["match"], "rate": round(min(0.5, rule["match"]["rate"] * factor), 4)}
        kept += [{**rule, "match": match}] if keep else []
    return kept


def _rates(kinds: Sequence[str], most: float, chance: random.Random) -> Rates:
    """Empty in one draw of three."""
    if chance.random() < 1 / 3:
        return {}
    return {kind: round(chance.uniform(0, most), 5) for kind in kinds if chance.random() < _SHARE}


def _name(rule: faults.Rule) -> str:
    fault, match = rule["fault"], rule["match"]
    detail = " ".join(str(value) for name, value in fault.items() if name != "code")
    return f"{fault['code']} {detail} {match['method']} {match['rate']}".replace("  ", " ")
