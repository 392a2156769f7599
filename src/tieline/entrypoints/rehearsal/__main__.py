"""`python -m tieline.entrypoints.rehearsal tryton [--start]`: prepare the real ERP, tell where it is, on request run it."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from tieline.entrypoints.rehearsal import tryton


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tieline.entrypoints.rehearsal")
    parser.add_argument("system", choices=["tryton"])
    parser.add_argument("--start", action="store_true", help="run the system until Enter is pressed")
    parser.add_argument("--state-dir", type=Path, help="keep the system's state here between runs")
    arguments = parser.parse_args()
    began = time.monotonic()
    prepared = tryton.prepare(on_step=_say)
    print(json.dumps({"prepared": str(prepared.folder), "seconds": round(time.monotonic() - began, 1)}))
    if arguments.start:
        with tryton.started(arguments.state_dir) as erp:
            settings = tryton.settings_from_seed(erp.seed, erp.url)
            print(json.dumps({"url": erp.url, "log": str(erp.log), "settings": settings}), flush=True)
            sys.stdin.readline()


def _say(name: str, fraction: float) -> None:
    print(f"{fraction:4.0%}  {name}", file=sys.stderr, flush=True)


main()
