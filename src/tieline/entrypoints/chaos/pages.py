"""A campaign on one page, for people: the summary in a few lines, and the report that `make soak` keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

Found = Mapping[str, Any]


def summary(found: Found) -> str:
    kills, points, flight = found["kills"], found["crash_points"], found["in_flight_at_kills"]
    victims = ", ".join(f"{count} {name}" for name, count in sorted(kills.items()) if name != "total")
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
    ]
    return "\n".join(lines)


def keep(found: Found, folder: Path, on: date) -> Path:
    """`<date>-soak.md` in `folder`; a second one of the same day gets a number."""
    folder.mkdir(parents=True, exist_ok=True)
    names = (f"{on.isoformat()}-soak{suffix}.md" for suffix in ("", *(f"-{n}" for n in range(2, 1000))))
    path = next(folder / name for name in names if not (folder / name).exists())
    path.write_text(page(found, on))
    return path


def page(found: Found, on: date) -> str:
    """The report. Every figure comes from the run's own document, which stands at its end without the draws."""
    short = {name: value for name, value in found.items() if name != "draws"}
    kills = "\n".join(f"| {name} | {count} |" for name, count in sorted(found["kills"].items()) if name != "total")
    recovery = "\n".join(
        f"| {what} | {t['n']} | {t['p50_s']} | {t['p99_s']} | {t['max_s']} |" for what, t in found["recovery"].items()
    )
    verdicts = "\n".join(
        f"| {name} | {'held' if one['ok'] else 'broken: ' + one['wrong'][0]} |"
        for name, one in found["invariants"].items()
    )
    return f"""# Soak of {on.isoformat()}

`{found["command"]}` at commit `{found["commit"]}` (version {found["version"]}), {found["duration_s"] / 60:.0f} minutes,
{found["rounds"]} seeds in {found["chapters"]} chapters: **{found["verdict"]}**.

N = {found["kills"]["total"]} kills: zero failures say only that fewer than {_rate(found["kills"]["total"])} of kills fail (3/N, 95 %).

| killed with SIGKILL | times |
|---|---|
{kills}

{found["sleeps"]} workers were stopped beyond their lease and woken. {found["crash_points"]["distinct"]} distinct crash points were
hit; effects in flight when killed: {found["in_flight_at_kills"]["max"]} at most, {found["in_flight_at_kills"]["total"]} in all.
The network broke {found["network_faults"]["total"]} exchanges.

| what took how long | n | p50 s | p99 s | max s |
|---|---|---|---|---|
{recovery}

| invariant | verdict |
|---|---|
{verdicts}

```json
{json.dumps(short, indent=1)}
```
"""


def _rate(kills: int) -> str:
    return f"{3 / kills:.5f}" if kills else "1"


def _times(times: Mapping[str, float]) -> str:
    return f"p50 {times['p50_s']} s, p99 {times['p99_s']} s, max {times['max_s']} s (n {times['n']:.0f})"
