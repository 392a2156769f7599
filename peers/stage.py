"""What every candidate meets: the product's look-alikes of a CLM and an ERP with 20 ms latency, and one PostgreSQL.

The truth is counted in the ERP's own journal of executed effects, which no candidate can read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from joserfc import jwt
from joserfc.jwk import RSAKey

from tieline.adapters.postgres import launcher, roles
from tieline.entrypoints.bench.firm import Measured, agreements, measured_firm
from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.stage import verification_key

LATENCY_MS = 20.0
WRITES = 8  # of one activation: client, project, two work elements, two prices, two billing rules
CALLS = 14  # and fetch, match, four queries that read back


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`conninfo(database)` is for a candidate's own database; the product brings its own server, as it does everywhere."""

    measured: Measured
    folder: Path
    environment: dict[str, str]
    server: launcher.Embedded

    def seeded(self, count: int) -> list[str]:
        records = agreements(count, secrets.token_hex(3))
        self.measured.clm.control("seed", {"records": records})
        return [str(record["id"]) for record in records]

    def sign(self, record: str) -> None:
        self.measured.clm.control(f"sign/{record}", {})

    def sign_all(self, records: list[str]) -> None:
        self.measured.clm.control("sign-all", {"ids": records})


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    with measured_firm(LATENCY_MS) as measured:
        folder = measured.folder / "peer"
        folder.mkdir()
        server = launcher.start(folder / "home")
        try:
            clm, erp = measured.clm, measured.erp
            environment = {
                "PEER_CLM": clm.url, "PEER_ERP": erp.url, "PEER_HOOK_KEY": verification_key(clm),
                "PEER_CLM_TOKEN": _clm_token(clm.url), "PEER_ERP_TOKEN": _erp_token(measured),
            }  # fmt: skip
            yield Stage(measured=measured, folder=folder, environment=environment, server=server)
        finally:
            server.stop()


def database(server: launcher.Embedded, name: str) -> tuple[str, str]:
    """A new database with the candidate's own table of activated agreements: (socket folder, connection text)."""
    with psycopg.connect(server.conninfo(roles.ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f'create database "{name}"'.encode())
    conninfo = server.conninfo(roles.ADMIN, name)
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(
            "create table activations (record_id text primary key, activated_at timestamptz not null"
            " default clock_timestamp())"
        )
    return str(server.folders.socket), conninfo


def activated(conninfo: str) -> dict[str, float]:
    """By record, when it was marked as activated."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        rows = connection.execute("select record_id, extract(epoch from activated_at) from activations").fetchall()
    return {str(record): float(moment) for record, moment in rows}


def effects(stage: Stage, after: int) -> list[dict[str, Any]]:
    """What the ERP really executed since entry `after`."""
    return stage.measured.erp.journal(after)


def newest(stage: Stage) -> int:
    """The number of the newest effect; asked without its content."""
    return effect_number(effects(stage, 0))


def effect_number(entries: list[dict[str, Any]]) -> int:
    return max((int(entry["seq"]) for entry in entries), default=0)


def judged(entries: list[dict[str, Any]]) -> dict[str, int]:
    """Effects executed, those executed again with the same content, and records of which there are two."""
    same = Counter((e["kind"], e["natural_key"], e["payload_hash"]) for e in entries)
    created = Counter((e["kind"], e["natural_key"]) for e in entries if e["operation"] == "create")
    return {
        "effects": len(entries), "different": len(same), "executed_again": len(entries) - len(same),
        "records_doubled": sum(count - 1 for count in created.values() if count > 1),
    }  # fmt: skip


def memory_mb(group: int, server_pid: int) -> dict[str, float]:
    """Proportional set size of a process group, and of the database server with all its backends."""
    own, base = 0.0, 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, StopIteration):
            pid = int(folder.name)
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group:
                own += _pss_kb(folder)
            elif pid == server_pid or int(fields[1]) == server_pid:
                base += _pss_kb(folder)
    return {"process_mb": round(own / 1024, 1), "database_mb": round(base / 1024, 1)}


def _pss_kb(folder: Path) -> float:
    lines = (folder / "smaps_rollup").read_text().splitlines()
    return float(next(line for line in lines if line.startswith("Pss:")).split()[1])


def wait_for(url: str, seconds: float) -> None:
    """Until the address answers anything at all."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx2.HTTPError):
            httpx2.get(url, timeout=2.0)
            return
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer after {seconds:.0f} s")


def peers_home() -> Path:
    """Where `setup.sh` has put Python packages, Node and n8n."""
    return Path(os.environ.get("PEERS_HOME", Path.home() / ".cache" / "tieline-peers"))


def _clm_token(url: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": firm.CLM_CLIENT, "client_secret": firm.CLM_SECRET}
    return str(httpx2.post(f"{url}/oauth/token", data=form, timeout=10.0).raise_for_status().json()["access_token"])


def _erp_token(measured: Measured) -> str:
    """A token for an hour: the candidates are spared the signed assertion."""
    key = RSAKey.import_key((measured.folder / "secrets" / "netsuite.pem").read_text())
    host = f"{firm.ACCOUNT.lower().replace('_', '-')}.suitetalk.api.netsuite.com"
    path, now = "/services/rest/auth/oauth2/v1/token", int(time.time()) - 5
    claims = {
        "iss": "tieline", "scope": "rest_webservices", "aud": f"https://{host}{path}", "iat": now, "exp": now + 240,
    }  # fmt: skip
    assertion = jwt.encode({"alg": "PS256", "kid": "kid-tieline"}, claims, key, algorithms=["PS256"])
    form = {
        "grant_type": "client_credentials", "client_assertion": assertion,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }  # fmt: skip
    answer = httpx2.post(f"{measured.erp.url}{path}", data=form, timeout=10.0)
    return str(answer.raise_for_status().json()["access_token"])
