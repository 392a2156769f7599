"""What goes wrong at the look-alikes while processes are killed: seeded rates, all within the declared life of a call."""

from __future__ import annotations

from typing import Any

Rule = dict[str, Any]
Rated = tuple[Rule, float]
LATE_MS = 700.0  # F8: shorter than a call may live, so that nothing arrives after the window that the engine waits for


def of_the_erp(seed: int) -> list[Rule]:
    """About one write in eight and one search in twenty meets something."""
    writes: list[Rated] = [
        ({"code": "F1", "hold_s": 5.0}, 0.02),
        ({"code": "F2", "hold_s": 5.0}, 0.01),
        ({"code": "F3", "where": "before_headers", "effect": True}, 0.02),
        ({"code": "F3", "where": "mid_body", "effect": True}, 0.01),
        ({"code": "F3", "where": "before_headers", "effect": False}, 0.01),
        ({"code": "F4", "status": 502, "effect": True}, 0.015),
        ({"code": "F4", "status": 500, "effect": False}, 0.01),
        ({"code": "F5", "shape": "truncated"}, 0.01),
        ({"code": "F5", "shape": "html"}, 0.005),
        ({"code": "F7", "dialect": "429_seconds", "retry_after_s": 1}, 0.01),
        ({"code": "F8", "delay_ms": LATE_MS}, 0.02),
    ]
    reads: list[Rated] = [
        ({"code": "F4", "status": 503}, 0.02),
        ({"code": "F3", "where": "mid_body", "effect": False}, 0.01),
        ({"code": "F9", "lag_s": 0.5}, 0.02),
    ]
    return [
        *_rules(writes, "PUT", "/record/v1/", seed),
        *_rules(writes, "PATCH", "/record/v1/", seed + 100),
        *_rules(reads, "POST", "/suiteql", seed + 200),
        *_rules(reads[:2], "GET", "/record/v1/", seed + 300),
    ]


def of_the_clm(seed: int) -> list[Rule]:
    """Webhooks twice and more, overtaken, spoiled, never sent; and a CLM that cannot always be read."""
    hooks: list[Rated] = [
        ({"code": "F18", "copies": 3}, 0.3),
        ({"code": "F19", "behind": 2}, 0.2),
        ({"code": "F21", "shape": "wrong_signature"}, 0.05),
        ({"code": "F21", "shape": "half_body"}, 0.05),
        ({"code": "F20"}, 0.1),
        ({"code": "F24", "lag_s": 0.5}, 0.1),
    ]
    reads: list[Rated] = [
        ({"code": "F4", "status": 503}, 0.03),
        ({"code": "F3", "where": "mid_body", "effect": False}, 0.02),
    ]
    return [*_rules(hooks, "HOOK", "", seed), *_rules(reads, "GET", "/records", seed + 50)]


def _rules(rated: list[Rated], method: str, path: str, seed: int) -> list[Rule]:
    return [
        {"fault": fault, "match": {"method": method, "path_regex": path, "rate": rate, "seed": seed + n}}
        for n, (fault, rate) in enumerate(rated)
    ]
