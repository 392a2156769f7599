"""Webhooks out, put together: the postman, what people may order, and the duty that delivers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from tieline.adapters.cipher import AesCipher, key_of
from tieline.adapters.config import Settings
from tieline.adapters.postman import Postman, check_endpoint_url
from tieline.bootstrap.landscape import advise
from tieline.bootstrap.store import Pool
from tieline.engine.deliveries.deliverer import Deliverer, delivery_duty
from tieline.engine.deliveries.orders import Endpoints
from tieline.engine.duties import Duty


def endpoints(settings: Settings, api_pool: Pool, clock: Callable[[], datetime]) -> Endpoints:
    def check_url(url: str) -> None:
        check_endpoint_url(url, allow_private=settings.webhooks.allow_private_addresses)

    return Endpoints(pool=api_pool, cipher=AesCipher(key_of(settings.home)), clock=clock, check_url=check_url)


@contextlib.asynccontextmanager
async def delivering(settings: Settings, pool: Pool, clock: Callable[[], datetime]) -> AsyncIterator[Duty]:
    """The duty on the scheduler's pool. What is under way at the end is dropped, and repeated by the next process."""
    post = Postman(allow_private_addresses=settings.webhooks.allow_private_addresses, now=clock)
    deliverer = Deliverer(pool=pool, post=post, cipher=AesCipher(key_of(settings.home)), clock=clock, advise=advise)
    try:
        yield delivery_duty(deliverer)
    finally:
        await deliverer.aclose()
        await post.aclose()
