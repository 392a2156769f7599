"""What another configuration would change for one contract, asked of the store itself; nothing is written and nothing called."""

from __future__ import annotations

import contextlib
from typing import Any

from tieline.adapters.config import Settings
from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.adapters.vault import EnvFileVault
from tieline.api import words
from tieline.api.context import plainly
from tieline.bootstrap.hub import now
from tieline.bootstrap.landscape import build_landscape
from tieline.bootstrap.store import join_store
from tieline.engine.commands import EngineCommands
from tieline.kit.errors import NotFound
from tieline.ports.commands import Preview


async def what_if(settings: Settings, contract_id: str) -> dict[str, Any]:
    """The plan of a contract under `settings`, as the API shows plans. The store must be running (`tieline up`).

    `plan_id` is None: what only another configuration would do is applied by starting with it.
    """
    vault = EnvFileVault()
    cluster = join_store(settings, vault)
    async with contextlib.AsyncExitStack() as stack:
        built = build_landscape(settings, vault)
        stack.push_async_callback(built.aclose)
        pool = await stack.enter_async_context(make_pool(cluster.conninfo(roles.API), "what-if", 1, 1))
        commands = EngineCommands(pool, built.landscape, now)
        for tenant in built.landscape:
            with contextlib.suppress(NotFound):
                found = await commands.preview(tenant, words.lane_of(contract_id))
                return _shown(contract_id, found)
    raise NotFound(f"There is no contract {contract_id} here.")


def _shown(contract_id: str, found: Preview) -> dict[str, Any]:
    items = [words.item_of(plainly(item)) for item in found.items]
    return {
        "contract_id": contract_id, "plan_id": None, "holds": [words.hold_of(hold) for hold in found.holds],
        "items": items, "totals": words.totals(items),
    }  # fmt: skip
