"""The real ERP of the rehearsal: Tryton, prepared once a machine, started as a copy of its own for everyone who asks.

It runs as a program of its own and is spoken to over HTTP only.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2

from tieline.entrypoints.rehearsal import process, tryton_seed
from tieline.entrypoints.rehearsal.cache import built_once, prune
from tieline.entrypoints.rehearsal.tryton_rpc import Rpc

DATABASE = "erp"
MODULES = ("ir", "res", "project_invoice", "timesheet_cost")
OnStep = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A seeded, stopped Tryton in the cache."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def seed(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "seed.json").read_text()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tryton:
    """A running one. `seed` holds ids and keys; see `tryton_seed.seed`."""

    url: str
    database: str
    seed: dict[str, Any]
    log: Path
    state_dir: Path


def prepare(on_step: OnStep | None = None, today: date | None = None) -> Prepared:
    """Install, create and seed, unless this machine has it already. Raises RehearsalFailed naming a log."""
    day = today or datetime.now(UTC).date()
    say = on_step or _quiet
    name = f"tryton-{_fingerprint(day)}"
    folder = built_once(name, lambda target: _build(Prepared(folder=target), day, say))
    prune("tryton")
    say("The ERP is prepared.", 1.0)
    return Prepared(folder=folder)


@contextmanager
def started(state_dir: Path | None = None, on_step: OnStep | None = None) -> Iterator[Tryton]:
    """A running Tryton on loopback. With `state_dir` it keeps its books there and goes on with them the next time."""
    prepared = prepare(on_step)
    if state_dir is not None:
        with _served(prepared, state_dir) as running:
            yield running
        return
    with tempfile.TemporaryDirectory(prefix="tieline-tryton-") as folder, _served(prepared, Path(folder)) as running:
        yield running


def settings_from_seed(seed: dict[str, Any], url: str, key_ref: str = "env:TIELINE_TRYTON_KEY") -> dict[str, Any]:
    """The connector's settings in tieline.yaml for a seeded Tryton; the key itself is `seed["key"]`."""
    return {
        "base_url": url,
        "allow_private_addresses": True,
        "database": DATABASE,
        "api_key_ref": key_ref,
        "companies": {code: _company_settings(seed, company) for code, company in seed["companies"].items()},
    }


def _company_settings(seed: dict[str, Any], company: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": company["id"],
        "currency": company["currency"],
        "receivable_account": company["accounts"]["receivable"],
        "revenue_account": company["accounts"]["revenue"],
        "journal": seed["journal"],
        "payment_term": company["payment_term"],
        "hour_unit": seed["hour"],
        "taxes": {code: [tax] for code, tax in company["taxes"].items()} | {"EXEMPT": []},
        "products": company["products"],
        "employees": company["employees"],
    }


def _build(target: Prepared, day: date, say: OnStep) -> None:
    folder, log = target.folder, target.folder / "build.log"
    say("Installing the ERP (once a machine)…", 0.02)
    process.run([sys.executable, "-m", "venv", folder / "venv"], log, cwd=folder)
    with resources.as_file(resources.files(__package__) / "tryton.txt") as lock:
        pip = ("-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input")
        process.run([target.python, *pip, "--require-hashes", "-r", lock], log, cwd=folder)
    say("Creating the ERP's database…", 0.30)
    password = secrets.token_urlsafe(24)
    (folder / "admin.txt").write_text(password + "\n")
    _create(target, log)
    say("Opening the books of two legal entities…", 0.85)
    _seed(target, password, day, log)
    with closing(sqlite3.connect(folder / f"{DATABASE}.sqlite")) as live:
        # One file: the tail of the live one is in its write-ahead log.
        live.execute("VACUUM INTO ?", (str(folder / "seeded.sqlite"),))
    for leftover in folder.glob(f"{DATABASE}.sqlite*"):
        leftover.unlink()


def _create(target: Prepared, log: Path) -> None:
    folder = target.folder
    (folder / f"{DATABASE}.sqlite").touch()  # the administration program wants to find the file
    config = _write_config(folder, process.free_port())
    command: list[str | Path] = [
        target.python,
        folder / "venv/bin/trytond-admin",
        "-c",
        config,
        "-d",
        DATABASE,
        "-u",
        *MODULES,
    ]
    options = ["--activate-dependencies", "--email", "admin@example.invalid"]  # without it the program asks
    process.run([*command, *options], log, env={"TRYTONPASSFILE": str(folder / "admin.txt")}, cwd=folder)


def _seed(target: Prepared, password: str, day: date, log: Path) -> None:
    port = process.free_port()
    child = _start(target, target.folder, port, log)
    try:
        process.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/{DATABASE}/rest/model/party.party"), child, log)
        rpc = Rpc(f"http://127.0.0.1:{port}", DATABASE, "admin", password)
        with closing(rpc):
            seed = tryton_seed.seed(rpc, day)
    finally:
        process.end(child)
    file = target.folder / "seed.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(seed, indent=1))


@contextmanager
def _served(prepared: Prepared, state_dir: Path) -> Iterator[Tryton]:
    state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    pid_file, log = state_dir / "trytond.pid", state_dir / "trytond.log"
    process.end_leftover(pid_file, str(state_dir / "trytond.conf"))
    _lay_out(prepared, state_dir)
    port = process.free_port(_last_port(state_dir))
    child = _start(prepared, state_dir, port, log)
    pid_file.write_text(str(child.pid))
    (state_dir / "port").write_text(str(port))
    url = f"http://127.0.0.1:{port}"
    try:
        process.wait_until(lambda: _answers(f"{url}/{DATABASE}/rest/model/party.party"), child, log)
        seed = json.loads((state_dir / "seed.json").read_text())
        yield Tryton(url=url, database=DATABASE, seed=seed, log=log, state_dir=state_dir)
    finally:
        process.end(child)
        pid_file.unlink(missing_ok=True)


def _lay_out(prepared: Prepared, state_dir: Path) -> None:
    """A fresh copy, unless books are here. The database comes last and by rename: half a copy is no copy."""
    live = state_dir / f"{DATABASE}.sqlite"
    if live.exists():
        return
    for tail in state_dir.glob(f"{DATABASE}.sqlite-*"):
        tail.unlink()  # a log that belongs to a removed database would bring its rows back
    shutil.copy(prepared.folder / "seed.json", state_dir / "seed.json")
    partial = state_dir / "copying"
    shutil.copy(prepared.folder / "seeded.sqlite", partial)
    partial.rename(live)


def _start(prepared: Prepared, state_dir: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    """One request at a time: on SQLite two postings at once can be given the same invoice number (seen)."""
    config = _write_config(state_dir, port)
    command: list[str | Path] = [
        prepared.python,
        *("-X", f"rehearsal={config}"),  # has no effect; by it a leftover of a killed run is recognised
        prepared.folder / "venv/bin/waitress-serve",
        *(f"--listen=127.0.0.1:{port}", "--threads=1", "trytond.application:app"),
    ]
    environment = {"TRYTOND_CONFIG": str(config), "TRYTOND_DATABASE_NAMES": DATABASE, "TRYTOND_LOGGING_LEVEL": "20"}
    return process.start(command, log, env=environment, cwd=state_dir)


def _write_config(folder: Path, port: int) -> Path:
    config = folder / "trytond.conf"
    web = f"[web]\nlisten = 127.0.0.1:{port}\nroot =\n"
    config.write_text(f"{web}[database]\nuri = sqlite://\npath = {folder}\n")
    return config


def _answers(url: str) -> bool:
    """401: the server is up and has loaded the database; who asks has no key."""
    try:
        return httpx2.get(url, timeout=5.0, trust_env=False).status_code == 401
    except httpx2.TransportError:
        return False


def _last_port(state_dir: Path) -> int | None:
    try:
        return int((state_dir / "port").read_text())
    except (OSError, ValueError):
        return None


def _fingerprint(day: date) -> str:
    """What a build depends on: packages, seed, interpreter, calendar year, and who may read it."""
    files = ("tryton.txt", "tryton_seed.py", "tryton.py")
    texts = [(resources.files(__package__) / name).read_text() for name in files]
    parts = (*texts, sys.version, str(day.year), str(os.getuid()))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:12]


def _quiet(name: str, fraction: float) -> None:
    """Nobody watches."""
