"""Which call meets which fault. Rules are posted to the control plane and survive a restart of the twin."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Sequence

import msgspec

from tieline.kit.canonical import Json
from tieline.kit.ids import uuid7


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls a rule looks at (`method`, `path_regex`, searched in path and query) and which of those it hits.

    `nth` (1-based), `every` and `rate` (with `seed`) exclude each other; none of them: every matching call.
    Webhook deliveries are matched with method `HOOK` and the event's name as path.
    """

    method: str = "*"
    path_regex: str = ""
    nth: int | None = None
    every: int | None = None
    rate: float | None = None
    seed: int = 0


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong: the catalogue's `code` and its parameters (the rest is ignored by that code).

    F1 effect, then silence · F2 silence · F3 `where` before_headers|mid_headers|mid_body · F4 `status`
    F5 `shape` truncated|not_json|html|content_type|charset|duplicate_keys|nan|huge|gzip_bomb|deep
    F6 `detail` for the twin · F7 `dialect` 429_seconds|429_date|429_absurd|429_none|429_concurrency|403_limit|400_limit|500_soap
    F8 `delay_ms` · F9 `lag_s` · F10 tokens die · F15 `window_s`, `shape` unavailable|reset|maintenance
    F18 `copies` · F19 `behind` deliveries · F20 dropped · F21 `shape` half_body|cut|wrong_signature|old_timestamp
    F22 `copies` at once with new ids · F24 `lag_s` in which the event's subject is not found
    """

    code: str
    effect: bool | None = None  # F3, F4: default False; F5: default True
    hold_s: float = 30.0
    where: str = "before_headers"
    status: int = 503
    shape: str = ""
    dialect: str = "429_seconds"
    retry_after_s: int = 1
    delay_ms: float = 0.0
    lag_s: float = 60.0
    window_s: float = 30.0
    copies: int = 2
    behind: int = 1
    detail: dict[str, Json] = {}


class Rule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`times`: how often it fires at most; None is without end (once for `nth`)."""

    fault: Fault
    match: Match = Match()
    times: int | None = None
    id: str = ""


class _Armed:
    """A rule with its counters."""

    def __init__(self, rule: Rule, seen: int, fired: int) -> None:
        self.rule = rule
        self.seen = seen
        self.fired = fired
        self._pattern = re.compile(rule.match.path_regex)
        self._dice = random.Random(rule.match.seed)
        for _ in range(seen if rule.match.rate is not None else 0):
            self._dice.random()

    def hits(self, method: str, path: str) -> bool:
        """Counts a matching call, also when the rule lets it pass."""
        match = self.rule.match
        if match.method not in ("*", method) or not self._pattern.search(path):
            return False
        if match.method == "*" and method == "HOOK":
            return False
        self.seen += 1
        if self.rule.times is not None and self.fired >= self.rule.times:
            return False
        if match.nth is not None:
            return self.seen == match.nth
        if match.every is not None:
            return self.seen % match.every == 0
        return match.rate is None or self._dice.random() < match.rate


class Faults:
    """The armed rules, first match wins. Counters are stored whenever a rule fires."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._armed: list[_Armed] = []
        rows = connection.execute("SELECT rule, seen, fired FROM rules ORDER BY position").fetchall()
        for encoded, seen, fired in rows:
            self._armed.append(_Armed(msgspec.json.decode(encoded, type=Rule), seen, fired))

    def arm(self, rules: Sequence[Rule]) -> list[str]:
        """Adds rules behind those that are armed; returns their ids. An equal id replaces."""
        for rule in rules:
            rule.id = rule.id or uuid7().hex
            self._armed = [armed for armed in self._armed if armed.rule.id != rule.id]
            self._armed.append(_Armed(rule, 0, 0))
        self._save()
        return [rule.id for rule in rules]

    def disarm(self) -> None:
        self._armed.clear()
        self._save()

    def pick(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, if any."""
        if not self._armed:
            return None
        chosen: Fault | None = None
        for armed in self._armed:
            if armed.hits(method, path) and chosen is None:
                armed.fired += 1
                chosen = armed.rule.fault
        if chosen is not None:
            self._save()
        return chosen

    def listed(self) -> list[dict[str, Json]]:
        """The rules with how many calls they saw and hit."""
        return [{**msgspec.to_builtins(armed.rule), "seen": armed.seen, "fired": armed.fired} for armed in self._armed]

    def _save(self) -> None:
        rows = [
            (armed.rule.id, n, msgspec.json.encode(armed.rule), armed.seen, armed.fired)
            for n, armed in enumerate(self._armed)
        ]
        within = self._db.in_transaction
        self._db.execute("DELETE FROM rules")
        self._db.executemany("INSERT INTO rules VALUES (?, ?, ?, ?, ?)", rows)
        if not within:
            self._db.commit()
