"""Measurements that anyone can repeat: ratios against a bare loop in the same run, on this machine, now."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import uvloop

from tieline.entrypoints.cli.running import log_to_stderr
from tieline.kit.errors import Rejected

WHAT = ("activation", "ingest", "census")


def run(what: str, *, as_json: bool) -> bool:
    """Measure and print the figures. Raises Rejected for what is not measured here."""
    if what not in WHAT:
        raise Rejected(f"{what!r} is not measured here: choose {' or '.join(WHAT)}.")
    log_to_stderr()
    measure = importlib.import_module(f"{__name__}.{what}").measure
    figures: dict[str, Any] = uvloop.run(measure(lambda text: print(text, file=sys.stderr)))
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        for name, value in figures.items():
            print(f"{name:<24} {value:,}")
    return True
