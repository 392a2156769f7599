"""The commands of a version, as an operator types them, and what a store looks like afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """`source` comes before everything else on the path; None is the version under test."""

    source: Path | None
    config: Path

    def run(self, *words: str, crash: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._order(*words),
            env=self.environment(crash),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Ended at the end, also when it stands still."""
        process = subprocess.Popen(
            self._order(*words), env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.communicate(timeout=PATIENCE_S)

    def environment(self, crash: str = "") -> dict[str, str]:
        path = {"PYTHONPATH": str(self.source)} if self.source else {}
        return {**os.environ, **path, "TIELINE_CRASH": crash}

    def _order(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tieline.entrypoints.cli", *words, "--config", str(self.config)]


def shape(conninfo: str) -> list[Any]:
    """Everything that migrations and rights decide, in an order that does not depend on how often they were begun."""
    with psycopg.connect(conninfo) as connection:
        return [connection.execute(question).fetchall() for question in _SHAPE]


def until(what: str, look: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < end, f"not within {PATIENCE_S:.0f} s: {what}"
        time.sleep(0.05)


_SHAPE = (
    "select table_name, column_name, column_default, is_nullable from information_schema.columns"
    " where table_schema = 'public' order by 1, 2",
    "select oid::regprocedure::text, prosrc, proowner::regrole::text from pg_proc"
    " where pronamespace = 'public'::regnamespace order by 1",
    "select grantee, table_name, privilege_type from information_schema.role_table_grants where table_schema = 'public'"
    " and grantee like 'tieline%' order by 1, 2, 3",
    "select number, name, phase from schema_changes order by 1",
    "select digest, schema, exact from schema_security",
    "select version_num from alembic_version",
)  # fmt: skip
