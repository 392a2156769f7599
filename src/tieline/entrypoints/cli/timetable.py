"""config schedules: the next times of each schedule, worked out from the file alone."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from tieline.adapters.config import ScheduleSettings
from tieline.entrypoints.cli import configuration, output
from tieline.entrypoints.cli.moments import instant
from tieline.kit.schedules import dues


def show(file: str, start: str, count: int, *, as_json: bool) -> None:
    after = instant(start) if start else datetime.now(UTC)
    tenants = configuration.loaded(file).tenants
    rows = [row(name, each, after, count) for name, tenant in tenants.items() for each in tenant.schedules]
    if as_json:
        output.document({"schedules": rows})
        return
    for each in rows:
        output.out().print(f"{each['schedule']}: {each['when']}, starts {each['starts']}", markup=False)
        for due in each["next"]:
            output.out().print(f"  {due['local']}  {due['weekday']}  ({due['utc']})", markup=False)
    if not rows:
        output.out().print("No schedule is written in this file.")


def row(tenant: str, each: ScheduleSettings, after: datetime, count: int) -> dict[str, Any]:
    return {
        "tenant": tenant, "schedule": each.name, "legal_entity": each.legal_entity, "zone": each.place.zone,
        "when": each.when, "starts": each.starts, "missed": each.missed,
        "next": [told(due, each.place.zone) for due in islice(dues(each.rule, each.place, after), count)],
    }  # fmt: skip


def told(due: datetime, zone: str) -> dict[str, str]:
    local = due.astimezone(ZoneInfo(zone))
    utc = due.isoformat().replace("+00:00", "Z")
    return {"local": local.isoformat(), "weekday": f"{local:%A}", "utc": utc}
