"""What the tests of the engine's own world share: workers as processes, rest, and the journal read by effect."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from world import World

from tieline.entrypoints.chaos.children import Child
from tieline.entrypoints.chaos.killer import WORKER_POINTS, Killer, Role
from tieline.twins.process import Served

POINTS = tuple(p for p in WORKER_POINTS if "cursor" not in p and "accept" not in p)  # nothing is polled in this world
KINDS = ("k_put", "k_once", "q")


@dataclass(frozen=True, slots=True, kw_only=True)
class KvStage:
    world: World
    kv: Served
    killer: Killer
    conninfo: str
    say: Callable[[str], None]

    def role(self, name: str) -> Role:
        return Role(
            name="worker", call="kv_worker:work", args=[self.conninfo, self.kv.url, name], points=POINTS,
            life_s=(0.3, 2.5), patience_s=3.0,
        )  # fmt: skip

    async def worker(self, name: str) -> Child:
        return await self.killer.calm(self.role(name), name)

    async def effects(self, where: str = "true") -> list[dict[str, Any]]:
        return await self.world.rows(f"select *, encode(effect_key, 'hex') as hex from effects where {where}")

    async def at_rest(self, seconds: float = 40.0) -> None:
        """Nothing waits, nothing is due, no outcome is unknown."""
        await self.world.until(_AT_REST, seconds=seconds)

    def executions(self, kind: str = "") -> Counter[str]:
        """How often the twin executed each effect, by the key that it was sent with."""
        wanted = kind.replace("_", "-")
        return Counter(e["payload"]["effect"] for e in self.kv.journal() if wanted in ("", e["kind"]))

    def revisions(self) -> dict[tuple[str, str], list[int]]:
        """Per document the revisions that the twin executed, oldest first."""
        found: dict[tuple[str, str], list[int]] = defaultdict(list)
        for entry in self.kv.journal():
            found[entry["kind"], entry["natural_key"]].append(entry["payload"]["revision"])
        return found


_AT_REST = """select 1 where not exists (select 1 from intake) and not exists (select 1 from lane_dirty)
  and not exists (select 1 from due) and not exists (select 1 from effects where state in ('intent', 'unknown'))
  and not exists (select 1 from replicas where status not in ('in_step', 'ambiguous'))"""
