"""The one SQLite file of a twin. A killed twin finds after its restart whatever it had answered for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL, since REAL NOT NULL, doc BLOB,
  UNIQUE (kind, id));
CREATE TABLE IF NOT EXISTS versions (
  kind TEXT NOT NULL, id TEXT NOT NULL, since REAL NOT NULL, until REAL NOT NULL, doc BLOB);
CREATE INDEX IF NOT EXISTS versions_by_id ON versions (kind, id, until);
CREATE TABLE IF NOT EXISTS unique_keys (
  kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
  PRIMARY KEY (kind, name, value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS unique_keys_by_id ON unique_keys (kind, id);
CREATE TABLE IF NOT EXISTS labels (
  kind TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, id TEXT NOT NULL,
  PRIMARY KEY (kind, name, value, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS labels_by_id ON labels (kind, id);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, principal TEXT NOT NULL, operation TEXT NOT NULL,
  kind TEXT NOT NULL, natural_key TEXT NOT NULL, idempotency_key TEXT, payload_hash TEXT NOT NULL,
  payload TEXT NOT NULL, correlation TEXT);
CREATE TABLE IF NOT EXISTS rules (id TEXT PRIMARY KEY, position INTEGER NOT NULL, rule BLOB NOT NULL,
  seen INTEGER NOT NULL, fired INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS deliveries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, hook TEXT NOT NULL, event_id TEXT NOT NULL, event TEXT NOT NULL, url TEXT NOT NULL,
  body BLOB NOT NULL, variant TEXT NOT NULL, attempts INTEGER NOT NULL, state TEXT NOT NULL, status INTEGER,
  at TEXT NOT NULL);
"""

_TABLES = ("documents", "versions", "unique_keys", "labels", "counters", "journal", "rules", "settings", "deliveries")


def open_database(folder: Path) -> sqlite3.Connection:
    """Opens or creates the state. A process may be killed at any time; only a power cut could lose what was committed."""
    folder.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(folder / "twin.sqlite3", isolation_level="IMMEDIATE", cached_statements=512)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=OFF")
    connection.executescript(_SCHEMA)
    return connection


def wipe(connection: sqlite3.Connection) -> None:
    """Empties everything, as if the vendor had handed out a new, empty instance."""
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table}")
    connection.commit()
