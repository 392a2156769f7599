"""Measurements that anyone can repeat: ratios against a bare loop in the same run, on this machine, now."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from tieline.kit.errors import Rejected


def run(what: str, *, as_json: bool) -> bool:
    """Measure `activation` or `ingest` and print the figures. Raises Rejected for anything else."""
    if what == "activation":
        from tieline.entrypoints.bench.activation import measure
    elif what == "ingest":
        from tieline.entrypoints.bench.ingest import measure
    else:
        raise Rejected(f"{what!r} is not measured here: choose activation or ingest.")
    figures = asyncio.run(measure(lambda text: print(text, file=sys.stderr)))
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<28} {_shown(value)}")
    return True


def _shown(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else json.dumps(value) if isinstance(value, dict) else str(value)
