"""The report's table from the figures of one session.

python peers/table.py FOLDER        (peers-tieline.json, peers-dbos.json, peers-n8n.json and peers-bench.json in it)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
NAMES = ("tieline", "dbos", "n8n")
BEGIN, END = "<!-- figures begin -->", "<!-- figures end -->"


def main(folder: Path, report: Path | None) -> None:
    bench = _read(folder / "peers-bench.json")
    found = {name: one for name in NAMES if (one := _read(folder / f"peers-{name}.json"))}
    lines = [_row("", list(found)), _row("---", ["---"] * len(found))]
    lines += [_row(title, [ask(one, bench) for one in found.values()]) for title, ask in ROWS]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if report is not None:
        before, _, rest = report.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        report.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


def _read(path: Path) -> Figures:
    return json.loads(path.read_text()) if path.exists() else {}


def _row(title: str, cells: list[str]) -> str:
    return f"| {title} | {' | '.join(cells)} |"


def versions(one: Figures, bench: Figures) -> str:
    return ", ".join(f"{name} {version}" for name, version in one["versions"].items())


def begun(one: Figures, bench: Figures) -> str:
    """A quiet machine has a load near 0; what ran just before is still in it."""
    told = one.get("begun")
    return f"{told['at']} / {told['load']}" if told else "not noted"


def calls(one: Figures, bench: Figures) -> str:
    return str(one["calls"] or bench.get("calls_per_activation", "not measured"))


def call_rate(one: Figures, bench: Figures) -> str:
    """Of the product from its own benchmark, which counts calls; of the others from a fixed number of calls."""
    return str(one["full"]["calls_per_s"] or f"{bench.get('calls_per_s', 'not measured')} (bench)")


def rate(one: Figures, bench: Figures) -> str:
    full = one["full"]
    other = f"; bench: {bench['per_s']}" if one["candidate"] == "tieline" and bench else ""
    return f"{full['per_s']} (N = {full['contracts']}{other})"


def latency(one: Figures, bench: Figures) -> str:
    light = one["light"]
    return f"{light['p50_ms']} / {light['p99_ms']} (N = {light['samples']}, one every {light['gap_s']} s)"


def memory(one: Figures, bench: Figures) -> str:
    return f"{one['full']['process_mb']} / {one['full']['database_mb']}"


def killed(name: str) -> Callable[[Figures, Figures], str]:
    return lambda one, bench: str(one["kill"][name])


def at_kill(one: Figures, bench: Figures) -> str:
    kill = one["kill"]
    return f"N = {kill['contracts']}, {kill['writes_at_kill']} of {kill['contracts'] * 8} writes done"


def words(one: Figures, bench: Figures) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(one["kill"]["own_words"].items())) or "-"


ROWS: tuple[tuple[str, Callable[[Figures, Figures], str]], ...] = (
    ("versions", versions),
    ("begun (UTC) / load of the machine in the minute before", begun),
    ("calls per activation", calls),
    ("activations per second, all signed at once", rate),
    ("calls per second", call_rate),
    ("light load: p50 / p99 ms from signature to activated", latency),
    ("memory of the process / of PostgreSQL, MB (PSS)", memory),
    ("SIGKILL midway", at_kill),
    ("activated by itself after the restart", killed("activated_by_itself")),
    ("left behind", killed("left_behind")),
    ("writes that never happened", killed("writes_missing")),
    ("writes executed again with the same content", killed("executed_again")),
    ("records doubled", killed("records_doubled")),
    ("from restart to the last activation, s", killed("recovered_s")),
    ("its own words about its runs", words),
)

if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
