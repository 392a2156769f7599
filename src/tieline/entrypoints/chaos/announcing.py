"""What the hub announces to the outside, judged: every event of the feed arrived, and in each lane first in its order."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool as make_pool
from tieline.bootstrap.webhooks import endpoints
from tieline.engine.deliveries.orders import By
from tieline.entrypoints.chaos.evidence import rows
from tieline.entrypoints.chaos.killer import until
from tieline.entrypoints.chaos.stage import TENANT, Stage
from tieline.kit.ids import uuid7
from tieline.routing.filters import Filter

WRONG_MAX = 20
PATIENCE_S = 60.0


async def register(stage: Stage) -> None:
    """The mailbox is told of everything from now on."""
    assert stage.mailbox is not None, "staged with a mailbox"
    async with make_pool(stage.store.cluster.conninfo(roles.API), "api", 1, 1) as pool:
        doors = endpoints(stage.settings, pool, partial(datetime.now, UTC))
        by = By(tenant=TENANT, principal="chaos", correlation_id=uuid7())
        await doors.add(by, f"{stage.mailbox.url}/notices", Filter())


async def all_told(stage: Stage) -> None:
    """Everything has its place in the chain and went out. Raises Unavailable when that takes too long."""
    await until("every event is sealed and told", partial(_nothing_left, stage), PATIENCE_S)


def _nothing_left(stage: Stage) -> bool:
    return bool(rows(stage, _LEFT)[0]["n"] == 0)


def told(stage: Stage) -> list[str]:
    """W: what the feed holds since the registration and the mailbox does not, and lanes whose events arrived out of order."""
    assert stage.mailbox is not None, "staged with a mailbox"
    arrived: dict[str, int] = {}
    for entry in stage.mailbox.journal():
        arrived.setdefault(entry["natural_key"], len(arrived))
    events = rows(stage, _TOLD)
    wrong = [f"event {row['id']} ({row['type']}) was not told" for row in events if row["id"] not in arrived]
    lanes: dict[str, list[int]] = defaultdict(list)
    for row in events:
        if row["id"] in arrived:
            lanes[row["lane"]].append(arrived[row["id"]])
    wrong += [f"events of {lane} arrived out of order" for lane, seen in lanes.items() if not _rising(seen)]
    return wrong[:WRONG_MAX] or ([] if arrived else ["nothing was told"])


def _rising(numbers: list[int]) -> bool:
    return all(one < other for one, other in pairwise(numbers))


_LEFT = """select (select count(*) from unsealed) + (select count(*) from deliveries)
  + (select count(*) from endpoints e join feed_heads h using (tenant_id) where e.position < h.position) as n"""
_TOLD = """select e.event_id::text as id, e.type, e.lane from events e
join seals s on s.tenant_id = e.tenant_id and s.event_id = e.event_id
where e.recorded_at >= (select min(created_at) from endpoints) order by e.lane, e.lane_seq"""
