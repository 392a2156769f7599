"""A campaign on one page, for people: the summary in a few lines, and the report that `make soak` keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

Found = Mapping[str, Any]
_LEFT_OUT = ("draws", "table")


def summary(found: Found) -> str:
    kills, points, flight = found["kills"], found["crash_points"], found["in_flight_at_kills"]
    victims = ", ".join(f"{count} {name}" for name, count in sorted(kills.items()) if name not in _SUMS)
    held = [name for name, one in found["invariants"].items() if one["ok"]]
    lines = [
        f"chaos: seed {found['seed']}, commit {found['commit']}, "
        f"{found['rounds']} rounds in {found['duration_s'] / 60:.1f} minutes, "
        f"{kills['total']} kills ({victims}), {found['sleeps']} stopped beyond their lease, {points['distinct']} "
        f"distinct crash points, in flight at kills max {flight['max']} total {flight['total']}, "
        f"{found['network_faults']['total']} faults of the network, {found.get('inputs', 0)} inputs, {found.get('effects', 0)} effects: "
        f"{found['verdict'].upper()} ({' '.join(held)})",
        *(f"  {what}: {_times(times)}" for what, times in found["recovery"].items()),
        *(f"  broken {name}: {one['wrong'][0]}" for name, one in found["invariants"].items() if not one["ok"]),
        *([f"  again: {found['repeat']}; kept in {found['evidence']}"] if found["evidence"] else []),
    ]
    return "\n".join(lines)


def place(folder: Path, on: date, seed: int) -> Path:
    """`<date>-soak-seed<N>.md` in `folder`; a second run of the same day and seed gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{on.isoformat()}-soak-seed{seed}"
    paths = (folder / f"{name}{suffix}.md" for suffix in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(path for path in paths if not path.exists())


def keep(found: Found, path: Path, on: date) -> None:
    """At once and whole: who reads meanwhile sees the page of before."""
    fresh = path.with_suffix(".new")
    fresh.write_text(page(found, on))
    fresh.rename(path)


def page(found: Found, on: date) -> str:
    """The report. Every figure comes from the run's own document, which stands at its end without the draws."""
    short = {name: value for name, value in found.items() if name not in _LEFT_OUT}
    kills, points, flight = found["kills"], found["crash_points"], found["in_flight_at_kills"]
    hit = ", ".join(f"{name} {n}" for name, n in points["hit"].items())
    return f"""# Soak of {on.isoformat()}, seed {found["seed"]}

`{found["command"]}` at commit `{found["commit"]}` (version {found["version"]}), {found["duration_s"] / 60:.0f} minutes,
{found["rounds"]} rounds in {found["chapters"]} chapters: **{found["verdict"]}**.
{_failed(found)}
N = {kills["total"]} kills: zero failures say only that fewer than {_rate(kills["total"])} of kills fail (3/N, 95 %).
{kills["processes"]} of them met processes of the hub, the others servers of its store.

{_grid(("ended with SIGKILL", "times"), [(name, n) for name, n in sorted(kills.items()) if name not in (*_SUMS, "restore")])}

{kills.get("restore", 0)} times the hub was set back to a random instant while the vendors stayed ahead. {found["sleeps"]} workers were
stopped beyond their lease and woken. The network broke {found["network_faults"]["total"]} exchanges.

Effects in flight when killed: {flight["max"]} at most, {flight["total"]} in all; {flight["kills_with_some"]} kills met at least one.
{points["distinct"]} distinct crash points, with how often processes died there: {hit or "none"}.
Never hit: {", ".join(points["never_hit"]) or "none"}.

## How long until things went on

{_grid(("what", "n", "p50 s", "p99 s", "max s", "bar"), _recovery(found))}

## What held

{_grid(("invariant", "verdict"), [(name, _verdict(one)) for name, one in found["invariants"].items()])}

{_over_time(found)}

```json
{json.dumps(short, indent=1)}
```
"""


_SUMS = ("total", "processes")
_CHAPTER = (
    "n", "chapter", "minutes", "rounds", "edge", "worker", "scheduler", "crash", "failover", "standby", "restores", "points",
    "in flight max/all", "network", "contracts", "invoices", "effects", "quiet max s", "runner MB", "verdict",
)  # fmt: skip
_PROCESS = ("process", "minutes", "MB warm", "MB end", "MB max", "MB per hour", "files")


def _over_time(found: Found) -> str:
    return f"""## Chapter by chapter

Each chapter has a store, look-alikes and a folder of its own, which are gone when the next begins. So the last chapter of an
hour costs what the first one cost; the columns *minutes* and *runner MB* show it.

{_grid(_CHAPTER, [_chapter(n, one) for n, one in enumerate(found["table"], 1)])}

## Memory and open files

A hub beside the chapters that nobody harmed; {found["peaceful"].get("contracts", 0)} contracts were worked through on it. The first ten
minutes do not count (of a shorter run its first half).

{_grid(_PROCESS, _processes(found))}"""


def _chapter(n: int, one: Mapping[str, Any]) -> tuple[object, ...]:
    killed = one["kills"]
    names = ("edge", "worker", "scheduler", "postgres crash", "postgres failover", "postgres standby_crash", "restore")
    return (
        n, one["chapter"], one["minutes"], one["rounds"], *(killed.get(name, 0) for name in names), one["points"],
        f"{one['in_flight_max']}/{one['in_flight']}", one["network"], one["contracts"], one["invoices"], one["effects"],
        one["quiet_max_s"], one["runner_mb"], one["verdict"],
    )  # fmt: skip


def _recovery(found: Found) -> list[tuple[object, ...]]:
    return [
        (what, t["n"], t["p50_s"], t["p99_s"], t["max_s"], found["bars"].get(what, ""))
        for what, t in found["recovery"].items()
    ]


def _processes(found: Found) -> list[tuple[object, ...]]:
    return [
        (name, p["minutes"], p["mb_warm"], p["mb_end"], p["mb_max"], p["mb_per_h"], f"{p['files_min']} to {p['files_max']}")
        for name, p in found["peaceful"].get("processes", {}).items()
        if p
    ]  # fmt: skip


def _verdict(one: Mapping[str, Any]) -> str:
    return "held" if one["ok"] else f"broken: {one['wrong'][0]}"


def _failed(found: Found) -> str:
    if not found["evidence"]:
        return ""
    return f"\nThe last chapter is repeated by `{found['repeat']}`; what it left behind is in `{found['evidence']}`.\n"


def _grid(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "/") for cell in line) + " |" for line in lines)


def _rate(kills: int) -> str:
    return f"{3 / kills:.5f}" if kills else "1"


def _times(times: Mapping[str, float]) -> str:
    return f"p50 {times['p50_s']} s, p99 {times['p99_s']} s, max {times['max_s']} s (n {times['n']:.0f})"
