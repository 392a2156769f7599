"""doctor: each check says what was expected, what was seen, and what to do. It reads the hub only through its API."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from tieline import __version__
from tieline.entrypoints.cli import connection, output, systems
from tieline.entrypoints.cli.systems import Check, check
from tieline.kit.errors import TielineError

DISK_FREE_MIN_MB = 512
CLOCK_SKEW_MAX_S = 5
SAMPLE_CONTRACTS = 5


def versions() -> dict[str, str]:
    return {"tieline": __version__, "python": sys.version.split()[0], "executable": sys.executable}


def examine() -> list[Check]:
    """This machine first, then the hub; a hub that cannot be reached is one failed check, not a crash."""
    found = [python(), disk()]
    try:
        where = connection.load()
    except TielineError as error:
        return [*found, check("hub", False, "a running hub", error.detail, "`tieline demo` or `tieline up`")]
    try:
        with httpx2.Client(
            base_url=where.url, timeout=5.0, headers={"Authorization": f"Bearer {where.api_key}"}
        ) as hub:
            return [*found, *of_hub(hub)]
    except httpx2.RequestError as error:
        seen = f"{where.url} does not answer ({type(error).__name__})"
        return [*found, check("hub", False, "answers /livez", seen, "start it: `tieline up`")]


def of_hub(hub: httpx2.Client) -> list[Check]:
    alive = hub.get("/livez")
    ready = hub.get("/readyz", params={"verbose": "1"})
    found = [check("hub", alive.is_success, "answers /livez", f"{alive.status_code} at {hub.base_url}", "`tieline up`")]
    found.append(clock(alive))
    found.extend(readiness(ready))
    listed = hub.get("/system/v1/systems")
    if listed.is_success:
        known = samples(hub)
        for row in listed.json()["systems"]:
            found.extend(asked(hub, row, known.get(row["name"])))
    return found


def samples(hub: httpx2.Client) -> dict[str, str]:
    """Per system the address of one document that it should hold, from the first contracts."""
    found: dict[str, str] = {}
    listed = hub.get("/experience/v1/contracts", params={"limit": SAMPLE_CONTRACTS})
    for contract in listed.json()["contracts"] if listed.is_success else ():
        whole = hub.get(f"/experience/v1/contracts/{contract['id']}")
        for replica in whole.json()["replicas"] if whole.is_success else ():
            if replica["status"] == "in_step":
                path = f"/system/v1/systems/{replica['system']}/{replica['kind']}/{replica['key']}"
                found.setdefault(replica["system"], path)
    return found


def asked(hub: httpx2.Client, row: Mapping[str, Any], sample: str | None) -> list[Check]:
    """Asks the system itself for one document, live, where it holds one; beside it what the hub knows of its state."""
    fine, seen = True, "holds nothing of ours yet"
    if sample:
        answer = hub.get(sample, timeout=30.0)
        fine = answer.is_success
        seen = "answers" if fine else str(answer.json().get("detail", answer.status_code))
    return systems.checks(row, fine, seen)


def readiness(answer: httpx2.Response) -> list[Check]:
    """What /readyz says in detail: database and its durability settings, migrations, leases, queue, webhooks."""
    body: Mapping[str, Any] = answer.json() if "json" in answer.headers.get("content-type", "") else {}
    parts = body.get("checks")
    if isinstance(parts, Mapping):
        return [one(name, part) for name, part in parts.items()]
    if isinstance(parts, list):
        return [one(str(part.get("name", "ready")), part) for part in parts]
    return [
        check("ready", answer.is_success, "ready", str(body.get("status") or answer.status_code), "see the hub's log")
    ]


def one(name: str, part: Any) -> Check:
    if not isinstance(part, Mapping):
        return check(name, part in (True, "ok"), "ok", str(part), "see the hub's log")
    fine = part.get("ok", part.get("status") in ("ok", "ready"))
    seen = part.get("seen") or part.get("detail") or part.get("status") or ("ok" if fine else "not ok")
    return check(
        name, bool(fine), str(part.get("expected", "ok")), str(seen), str(part.get("way_out", "see the hub's log"))
    )


def python() -> Check:
    fine = sys.version_info >= (3, 11)
    return check("python", fine, "3.11 or newer", sys.version.split()[0], "install Python 3.11 or newer")


def disk() -> Check:
    folder = connection.home() if connection.home().exists() else connection.home().absolute().parent
    free_mb = shutil.disk_usage(folder if folder.exists() else os.getcwd()).free // 2**20
    return check("disk", free_mb >= DISK_FREE_MIN_MB, f"{DISK_FREE_MIN_MB} MB free", f"{free_mb} MB free", "make room")


def clock(answer: httpx2.Response) -> Check:
    """Signatures of webhooks carry times: a wrong clock refuses good ones."""
    stamp = answer.headers.get("date")
    skew_s = abs((parsedate_to_datetime(stamp) - datetime.now(UTC)).total_seconds()) if stamp else 0.0
    steady = time.get_clock_info("monotonic").monotonic
    fine = skew_s <= CLOCK_SKEW_MAX_S and steady
    return check(
        "clock", fine, f"within {CLOCK_SKEW_MAX_S} s of the hub", f"{skew_s:.0f} s apart", "run a time service"
    )


def show(found: list[Check]) -> None:
    print_line: Callable[[str], None] = lambda text: output.out().print(text, markup=False)  # noqa: E731
    for each in found:
        print_line(f"{'✓' if each['ok'] else '✗'} {each['name']:<20} {each['seen']}")
        if not each["ok"]:
            print_line(f"    expected {each['expected']}; way out: {each['way_out']}")
