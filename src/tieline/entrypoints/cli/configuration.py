"""config check, explain, diff, schema: the configuration's own words, with exit codes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tieline import connectors
from tieline.adapters import config
from tieline.entrypoints.cli import output
from tieline.entrypoints.cli.exits import USAGE, Problem
from tieline.kit.errors import Rejected


def loaded(file: str) -> config.Settings:
    """The checked settings. Raises Problem with exit 2 and one line per fault."""
    try:
        return config.load(Path(file), os.environ, connectors.discover())
    except Rejected as error:
        raise invalid(error) from None


def check(file: str, *, as_json: bool) -> None:
    settings = loaded(file)
    if as_json:
        versions = {name: tenant.config_version for name, tenant in settings.tenants.items()}
        output.document({"valid": True, "file": file, "config_versions": versions})
        return
    for name, tenant in settings.tenants.items():
        output.out().print(
            f"{file} is valid: tenant {name}, {len(tenant.systems)} systems, version {tenant.config_version}"
        )


def explain(file: str, *, as_json: bool) -> None:
    """Every effective value and where it comes from."""
    loaded(file)
    found = config.explain(config.read(Path(file), os.environ))
    rows: list[dict[str, Any]] = [{"path": each.path, "value": each.value, "origin": each.origin} for each in found]
    if as_json:
        output.document(rows)
        return
    output.table(file, ("path", "value", "origin"), rows, empty="Nothing is set.")


def compare(old: str, new: str, *, as_json: bool) -> bool:
    """What changes from `old` to `new`; answers whether anything does."""
    before, after = loaded(old), loaded(new)
    del before, after  # both must be valid; the comparison reads the files with their places
    found = config.diff(config.read(Path(old), {}), config.read(Path(new), {}))
    rows = [{"path": each.path, "before": each.before, "after": each.after, "meaning": each.meaning} for each in found]
    if as_json:
        output.document(rows)
    else:
        output.table("changes", ("path", "before", "after", "meaning"), rows, empty="Nothing that counts is different.")
    return bool(rows)


def schema() -> dict[str, Any]:
    """The JSON Schema for editors."""
    return config.json_schema(connectors.discover())


def invalid(error: Rejected) -> Problem:
    faults = [{"path": fault.path, "message": fault.message} for fault in error.faults]
    document = {
        "type": "/problems/configuration_invalid",
        "title": "The configuration is not valid",
        "status": 422,
        "detail": error.detail if not faults else f"The configuration has {len(faults)} fault(s).",
        "code": "configuration_invalid",
        "errors": faults,
    }
    return Problem(document, USAGE)
