"""Sealing as a duty: twenty looks a second, so that the feed is a fraction of a second behind the writers."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from psycopg_pool import AsyncConnectionPool

from tieline.engine.duties.duty import Duty
from tieline.engine.feed.anchor import Anchor
from tieline.engine.feed.sealer import Sealer
from tieline.ports.audit import Keys, Signer, Sink

EVERY_S = 0.05


def seal_duty(
    pool: AsyncConnectionPool[Any],
    tenants: Collection[str],
    *,
    sink: Sink,
    signer: Signer,
    keys: Keys,
    clock: Callable[[], datetime],
) -> Duty:
    """`pool` is of the scheduler's role, `tenants` are all that are configured, `sink` lies outside of the database."""
    sealer = Sealer(pool, Anchor(sink, signer, keys, clock), tenants)
    return Duty(name="seal", every_s=EVERY_S, run=sealer.round)
