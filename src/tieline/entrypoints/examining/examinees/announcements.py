"""The mailbox twin, which takes only what is signed well; its truth journal is the witness."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tieline import sdk
from tieline.conformance import ExamTarget, SampleTerms
from tieline.connectors.announcements.connector import Announcements
from tieline.twins.process import Served, served

_SECRET = "whsec_" + base64.b64encode(b"an exam's shared secret, 32 byte").decode()


class _Journal:
    """Every arrival, doubles included: a notice that came twice was told twice."""

    def __init__(self, twin: Served) -> None:
        self._twin = twin

    async def effects(self, envelope: sdk.Envelope) -> int:
        entries = await asyncio.to_thread(self._twin.journal)
        return sum(entry["natural_key"] == envelope.document_key for entry in entries)


@contextmanager
def prepared(folder: Path) -> Iterator[ExamTarget]:
    with served("mailbox", folder, secret=_SECRET) as twin:
        yield ExamTarget(
            connector=Announcements,
            base_url=twin.url,
            settings={"path": "/notices", "signing_secret_ref": "env:EXAM"},
            secrets={"signing_secret": sdk.Secret(_SECRET)},
            truth=_Journal(twin),
            terms=SampleTerms(legal_entity="DE01", currency="EUR"),
        )
