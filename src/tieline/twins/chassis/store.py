"""Documents by (kind, id) with unique secondary keys, and with their past, so that reads may lag behind writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec

from tieline.kit.canonical import Json
from tieline.kit.errors import Conflict
from tieline.twins.chassis.clock import Clock

_encode = msgspec.json.Encoder(decimal_format="string").encode
_decode = msgspec.json.decode
_as_of: ContextVar[float | None] = ContextVar("as_of", default=None)


class KeyTaken(Conflict):
    """Another document holds this unique key; `holder` is its id."""

    def __init__(self, name: str, value: str, holder: str) -> None:
        super().__init__(f"{name} {value!r} is already used by {holder}")
        self.holder = holder


@contextmanager
def reading_as_of(moment: float) -> Iterator[None]:
    """Reads of the current request answer as they would have at `moment`; writes are not touched."""
    token = _as_of.set(moment)
    try:
        yield
    finally:
        _as_of.reset(token)


class Store:
    """Every method works inside the request's transaction. `fresh=True` looks past a lag: for the twin's own decisions."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._db = connection
        self._clock = clock
        self._hidden: dict[tuple[str, str], float] = {}

    def put(
        self,
        kind: str,
        id: str,
        doc: Json,
        *,
        keys: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Creates or replaces. `keys` (unique) and `labels` (not) replace the document's former ones, None keeps them.

        Raises KeyTaken when another document holds one of the keys.
        """
        now = self._clock.time()
        encoded = _encode(doc)
        created = self._db.execute(
            "INSERT INTO documents (kind, id, since, doc) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (kind, id, now, encoded),
        )
        if created.rowcount == 0:
            self._keep_past(kind, id, now)
            self._db.execute(
                "UPDATE documents SET doc = ?, since = ? WHERE kind = ? AND id = ?", (encoded, now, kind, id)
            )
        if keys is not None:
            self._index(kind, id, keys)
        if labels is not None:
            self._db.execute("DELETE FROM labels WHERE kind = ? AND id = ?", (kind, id))
            rows = [(kind, name, value, id) for name, value in labels.items()]
            self._db.executemany("INSERT INTO labels VALUES (?, ?, ?, ?)", rows)

    def delete(self, kind: str, id: str) -> bool:
        """A tombstone stays, so that lagging reads still see the document. False when there was none."""
        if self.get(kind, id, fresh=True) is None:
            return False
        now = self._clock.time()
        self._keep_past(kind, id, now)
        self._db.execute("UPDATE documents SET doc = NULL, since = ? WHERE kind = ? AND id = ?", (now, kind, id))
        self._db.execute("DELETE FROM unique_keys WHERE kind = ? AND id = ?", (kind, id))
        return True

    def get(self, kind: str, id: str, *, fresh: bool = False) -> Json | None:
        encoded = self.raw(kind, id, fresh=fresh)
        return None if encoded is None else _decode(encoded)

    def raw(self, kind: str, id: str, *, fresh: bool = False) -> bytes | None:
        """The document's JSON bytes as stored: the quick way to answer with it unchanged."""
        if self._hidden and not fresh and self._is_hidden(kind, id):
            return None
        row = self._db.execute("SELECT since, doc FROM documents WHERE kind = ? AND id = ?", (kind, id)).fetchone()
        if row is None:
            return None
        moment = _as_of.get()
        if fresh or moment is None or row[0] <= moment:
            return row[1]  # type: ignore[no-any-return]
        return self._past(kind, id, moment)

    def find(self, kind: str, name: str, value: str, *, fresh: bool = False) -> tuple[str, Json] | None:
        """The document that holds a unique key, unless the lag hides it."""
        row = self._db.execute(
            "SELECT id FROM unique_keys WHERE kind = ? AND name = ? AND value = ?", (kind, name, value)
        ).fetchone()
        if row is None:
            return None
        doc = self.get(kind, row[0], fresh=fresh)
        return None if doc is None else (row[0], doc)

    def labelled(self, kind: str, name: str, value: str, *, fresh: bool = False) -> list[tuple[str, Json]]:
        """The documents that carry a label now, oldest creation first, as far as the lag lets them be seen."""
        rows = self._db.execute(
            "SELECT id FROM labels JOIN documents USING (kind, id) WHERE kind = ? AND name = ? AND value = ?"
            " ORDER BY seq",
            (kind, name, value),
        ).fetchall()
        return [(id, doc) for (id,) in rows if (doc := self.get(kind, id, fresh=fresh)) is not None]

    def list(self, kind: str, *, fresh: bool = False) -> list[tuple[str, Json]]:
        """All documents of a kind, oldest creation first."""
        if fresh or (_as_of.get() is None and not self._hidden):
            rows = self._db.execute(
                "SELECT id, doc FROM documents WHERE kind = ? AND doc IS NOT NULL ORDER BY seq", (kind,)
            )
            return [(id, _decode(doc)) for id, doc in rows]
        ids = [row[0] for row in self._db.execute("SELECT id FROM documents WHERE kind = ? ORDER BY seq", (kind,))]
        return [(id, doc) for id in ids if (doc := self.get(kind, id)) is not None]

    def count(self, kind: str) -> int:
        row = self._db.execute("SELECT count(*) FROM documents WHERE kind = ? AND doc IS NOT NULL", (kind,)).fetchone()
        return int(row[0])

    def next_number(self, name: str, first: int = 1) -> int:
        """A counter that survives restarts: for the vendor's running numbers and internal ids."""
        rows = self._db.execute(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (name, first),
        ).fetchall()
        return int(rows[0][0])

    def hide(self, kind: str, id: str, seconds: float) -> None:
        """Readers do not find this document for a while: an event has overtaken its parent (F24)."""
        self._hidden[kind, id] = self._clock.time() + seconds

    def reveal_all(self) -> None:
        self._hidden.clear()

    def _is_hidden(self, kind: str, id: str) -> bool:
        until = self._hidden.get((kind, id))
        if until is None:
            return False
        if until > self._clock.time():
            return True
        del self._hidden[kind, id]
        return False

    def _keep_past(self, kind: str, id: str, until: float) -> None:
        self._db.execute(
            "INSERT INTO versions SELECT kind, id, since, ?, doc FROM documents WHERE kind = ? AND id = ?",
            (until, kind, id),
        )

    def _past(self, kind: str, id: str, moment: float) -> bytes | None:
        row = self._db.execute(
            "SELECT doc FROM versions WHERE kind = ? AND id = ? AND since <= ? AND until > ? ORDER BY until LIMIT 1",
            (kind, id, moment, moment),
        ).fetchone()
        return None if row is None else row[0]

    def _index(self, kind: str, id: str, keys: Mapping[str, str]) -> None:
        self._db.execute("DELETE FROM unique_keys WHERE kind = ? AND id = ?", (kind, id))
        for name, value in keys.items():
            row = self._db.execute(
                "SELECT id FROM unique_keys WHERE kind = ? AND name = ? AND value = ?", (kind, name, value)
            ).fetchone()
            if row is not None:
                raise KeyTaken(name, value, row[0])
            self._db.execute("INSERT INTO unique_keys VALUES (?, ?, ?, ?)", (kind, name, value, id))
