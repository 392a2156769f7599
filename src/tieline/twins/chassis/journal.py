"""The truth journal: every effect that the twin really executed. The product cannot read it; tests believe it."""

from __future__ import annotations

import hashlib
import sqlite3

from tieline.kit.canonical import Json, decode, encode
from tieline.twins.chassis.clock import Clock

_COLUMNS = (
    "seq",
    "at",
    "principal",
    "operation",
    "kind",
    "natural_key",
    "idempotency_key",
    "payload_hash",
    "payload",
    "correlation",
)


class TruthJournal:
    """Append-only. An entry commits together with the effect that it states."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._db = connection
        self._clock = clock

    def append(
        self,
        *,
        principal: str,
        operation: str,
        kind: str,
        natural_key: str,
        payload: Json,
        idempotency_key: str | None = None,
        correlation: str | None = None,
    ) -> int:
        """States one effect; returns its sequence number. A refused request must not be stated."""
        encoded = encode(payload)
        row = (
            self._clock.text(),
            principal,
            operation,
            kind,
            natural_key,
            idempotency_key,
            hashlib.sha256(encoded).hexdigest(),
            encoded.decode(),
            correlation,
        )
        marks = ", ".join("?" * len(row))
        cursor = self._db.execute(f"INSERT INTO journal ({', '.join(_COLUMNS[1:])}) VALUES ({marks})", row)
        return int(cursor.lastrowid or 0)

    def after(self, seq: int, limit: int = 100_000) -> list[dict[str, Json]]:
        """Entries behind `seq`, oldest first, with the payload as JSON."""
        query = f"SELECT {', '.join(_COLUMNS)} FROM journal WHERE seq > ? ORDER BY seq LIMIT ?"
        entries = [dict(zip(_COLUMNS, row, strict=True)) for row in self._db.execute(query, (seq, limit))]
        for entry in entries:
            entry["payload"] = decode(entry["payload"])
        return entries
