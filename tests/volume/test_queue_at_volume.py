"""Whatever the statistics say, a confirmed replica leaves the queue by its name: statistics lag behind a queue that moves."""

from __future__ import annotations

import psycopg

from database import Database
from tieline.engine.pumps import observe


async def test_confirmed_replicas_are_found_by_name_although_statistics_know_no_reading(database: Database) -> None:
    names = [f"erp/value/{n}" for n in range(500)]
    async with await psycopg.AsyncConnection.connect(database.admin, autocommit=True) as admin:
        await admin.execute(
            "insert into due (tenant_id, replica_id, system, shard, step)"
            " select 'a', 'erp/value/' || n, 'erp', n %% 256, 'push' from generate_series(1, %s) as n",
            (20_000,),
        )
        await admin.execute("analyze due")
        plan = await (await admin.execute(f"explain {observe._DONE}", ("a", names))).fetchall()
    shown = "\n".join(str(row[0]) for row in plan)
    assert "Seq Scan" not in shown and "Nested Loop" not in shown, shown
