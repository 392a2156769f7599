"""The firm as the census sees it: the same systems and sources, each call of which waits for its turn in the budgets."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from tieline.engine.budgets.asking import Asking, InTurn, SourceInTurn
from tieline.engine.budgets.budgets import Budgets
from tieline.engine.budgets.criticality import Criticality
from tieline.ports.landscape import TenantSetup
from tieline.ports.systems import Source, System


def in_turn(setup: TenantSetup, budgets: Budgets | None) -> TenantSetup:
    """What nobody has declared limits for (the hub's own interface) is not waited for."""
    if budgets is None:
        return setup

    def asking(name: str) -> Asking:
        return Asking(budgets, (setup.tenant, name), Criticality.CENSUS)

    systems = {name: cast(System, InTurn(system, asking(name))) for name, system in setup.systems.items()}
    sources = {
        name: cast(Source, SourceInTurn(source, asking(name))) if name in setup.systems else source
        for name, source in setup.sources.items()
    }
    return replace(setup, systems=systems, sources=sources)
