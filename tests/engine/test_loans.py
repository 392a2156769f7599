"""Loops keep their connections, and nobody else goes short for it; a spoilt one is never lent again (X23)."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tieline.adapters.postgres import roles
from tieline.adapters.postgres.pools import pool
from tieline.engine.loans import Loans


async def test_a_connection_that_ended_well_is_lent_again(database) -> None:  # type: ignore[no-untyped-def]
    async with pool(database.conninfo(roles.WORKER), "worker", 1, 2) as inner:
        loans = Loans(inner)
        async with loans.connection() as first:
            await first.execute("select 1")
        async with loans.connection() as second:
            assert second is first
        await loans.give_back()


async def test_X23_a_connection_that_met_an_error_goes_back_to_be_cleaned(database) -> None:  # type: ignore[no-untyped-def]
    async with pool(database.conninfo(roles.WORKER), "worker", 1, 1) as inner:
        loans = Loans(inner)
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with loans.connection() as spoilt:
                await spoilt.execute("select set_config('tieline.tenant', 'northwind', false)")
                await spoilt.execute("select 1/0")
        async with loans.connection() as clean:
            row = await (await clean.execute("select current_setting('tieline.tenant', true)")).fetchone()
        assert not row[0]
        await loans.give_back()


async def test_two_workers_on_a_small_pool_do_not_starve_each_other(database) -> None:  # type: ignore[no-untyped-def]
    async with pool(database.conninfo(roles.WORKER), "worker", 1, 2) as inner:
        mine, theirs = Loans(inner), Loans(inner)

        async def work(loans: Loans) -> None:
            for _ in range(20):
                async with loans.connection() as connection:
                    await connection.execute("select 1")

        await asyncio.wait_for(asyncio.gather(*(work(loans) for loans in (mine, theirs) for _ in range(4))), timeout=8)
        await mine.give_back()
        await theirs.give_back()
