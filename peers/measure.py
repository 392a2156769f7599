"""One candidate, three passes: light load, all at once, and all at once with a SIGKILL midway.

.venv/bin/python peers/measure.py dbos --out dbos.json [--contracts 200] [--light 40] [--killed 150] [--only kill]
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from candidates import CANDIDATES, Candidate
from stage import WRITES, Stage, effect_number, effects, judged, memory_mb, staged

from tieline.entrypoints.demo.stage import register_receiver

STANDSTILL_S = 12.0  # nothing new for so long, and no effect either: nobody is working on what is left
PASSES = ("light", "full", "kill")


def main() -> None:
    parser = argparse.ArgumentParser(prog="measure.py", description=__doc__)
    parser.add_argument("candidate", choices=sorted(CANDIDATES))
    parser.add_argument("--out", type=Path, required=True, help="file for the figures")
    parser.add_argument("--contracts", type=int, default=200, help="signed at once, for the rate")
    parser.add_argument("--light", type=int, default=40, help="signed one after another, with a pause between")
    parser.add_argument("--killed", type=int, default=150, help="signed at once, with a SIGKILL midway")
    parser.add_argument("--only", choices=PASSES, help="one pass instead of all")
    parser.add_argument("--keep-log", type=Path, help="copy of the candidate's log")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that an end from outside ends the servers too
    with staged() as stage:
        candidate = CANDIDATES[given.candidate](stage)
        try:
            figures = measured(candidate, given)
        finally:
            candidate.stop()
            if given.keep_log is not None and hasattr(candidate, "log"):
                given.keep_log.write_bytes(candidate.log.read_bytes())
    given.out.write_text(json.dumps(figures, indent=2) + "\n")
    sys.stdout.write(json.dumps(figures) + "\n")


def measured(candidate: Candidate, given: argparse.Namespace) -> dict[str, Any]:
    passes = [given.only] if given.only else PASSES
    begun = {"at": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "load": round(os.getloadavg()[0], 1)}
    say(candidate, "starts")
    candidate.start()
    register_receiver(candidate.stage.measured.clm, candidate.hook)
    warm(candidate)
    figures: dict[str, Any] = {
        "candidate": candidate.name,
        "versions": candidate.versions(),
        "calls": candidate.calls,
        "begun": begun,
    }
    if "light" in passes:
        say(candidate, f"light load: {given.light} contracts, one every {candidate.light_gap_s} s")
        figures["light"] = light(candidate, given.light)
    if "full" in passes:
        say(candidate, f"all at once: {given.contracts} contracts")
        figures["full"] = full(candidate, given.contracts)
    if "kill" in passes:
        say(candidate, f"killed midway: {given.killed} contracts")
        figures["kill"] = killed(candidate, given.killed)
    return figures


def warm(candidate: Candidate) -> None:
    """Four contracts that nobody counts: connections, caches, compiled code."""
    records = seeded(candidate, 4)
    candidate.stage.sign_all(records)
    waited(candidate, records, 60.0)


def light(candidate: Candidate, count: int) -> dict[str, Any]:
    """From the signature in the CLM to the fact that the contract is activated, seconds of the machine's one clock."""
    records = seeded(candidate, count)
    signed: dict[str, float] = {}
    for record in records:
        signed[record] = time.time()
        candidate.stage.sign(record)
        time.sleep(max(0.0, signed[record] + candidate.light_gap_s - time.time()))
    done = waited(candidate, records, 60.0)
    took = sorted(done[record] - signed[record] for record in records if record in done)
    return {
        "samples": len(took), "gap_s": candidate.light_gap_s, "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p99_ms": round(took[min(len(took) - 1, int(len(took) * 0.99))] * 1000, 1),
    }  # fmt: skip


def full(candidate: Candidate, count: int) -> dict[str, Any]:
    records = seeded(candidate, count)
    after = effect_number(effects(candidate.stage, 0))
    started = time.time()
    candidate.stage.sign_all(records)
    done = waited(candidate, records, 150.0)
    took = max(done.values(), default=time.time()) - started
    counted = judged(effects(candidate.stage, after))
    return {
        "contracts": count, "activated": len(done), "seconds": round(took, 2), "per_s": round(len(done) / took, 1),
        "calls_per_s": round(len(done) * candidate.calls / took, 1) if candidate.calls else None, **counted,
        **memory_mb(candidate.group(), candidate.server_pid()),
    }  # fmt: skip


def killed(candidate: Candidate, count: int) -> dict[str, Any]:
    """The kill comes when two fifths of all writes are done; the start follows a second later."""
    stage, wanted = candidate.stage, count * WRITES
    records = seeded(candidate, count)
    after = effect_number(effects(stage, 0))
    stage.sign_all(records)
    entries = _until(stage, after, int(wanted * 0.4))
    done_before = len(candidate.activated().keys() & set(records))
    candidate.kill()
    entries = effects(stage, after)
    time.sleep(1.0)
    restarted = time.time()
    candidate.start()
    ready = time.time()
    done = waited(candidate, records, 120.0)
    counted = judged(effects(stage, after))
    last = max(done.values(), default=ready)
    return {
        "contracts": count, "writes_at_kill": len(entries), "activated_before": done_before,
        "activated_by_itself": len(done), "left_behind": count - len(done), "writes_missing": wanted - counted["different"],
        "start_s": round(ready - restarted, 1), "recovered_s": round(max(0.0, last - restarted), 1),
        **counted, "own_words": candidate.left(),
    }  # fmt: skip


def seeded(candidate: Candidate, count: int) -> list[str]:
    records = candidate.stage.seeded(count)
    candidate.known = (*candidate.known, *records)
    return records


def waited(candidate: Candidate, records: list[str], seconds: float) -> dict[str, float]:
    """What of `records` is activated, once all is, or neither activations nor effects have moved for a while."""
    wanted, end = set(records), time.monotonic() + seconds
    done: dict[str, float] = {}
    moved, seen = time.monotonic(), 0
    while len(done) < len(wanted) and time.monotonic() < end:
        time.sleep(0.25)
        now = {record: at for record, at in candidate.activated().items() if record in wanted}
        if len(now) > len(done):
            moved = time.monotonic()
        done = now
        if time.monotonic() > moved + STANDSTILL_S:
            newest = effect_number(effects(candidate.stage, seen))
            if newest <= seen:
                break
            moved, seen = time.monotonic(), newest
    return done


def _until(stage: Stage, after: int, count: int) -> list[dict[str, Any]]:
    end, entries = time.monotonic() + 60, effects(stage, after)
    while len(entries) < count and time.monotonic() < end:
        time.sleep(0.1)
        entries += effects(stage, max(after, effect_number(entries)))
    return entries


def say(candidate: Candidate, words: str) -> None:
    sys.stderr.write(f"{candidate.name}: {words}\n")


if __name__ == "__main__":
    main()
