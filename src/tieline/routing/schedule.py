"""When a message that was not taken is tried again. Pure: the instant and the chance are arguments."""

from __future__ import annotations

from datetime import timedelta

# Standard Webhooks 1.0: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
STEPS_S = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
ATTEMPTS_MAX = len(STEPS_S)
JITTER = 0.1  # later, never earlier: what failed together does not come back together
RETRY_AFTER_S_MAX = 86_400.0
PATIENCE = timedelta(days=5)  # after so long without one message taken the endpoint is switched off


def wait_s(attempts: int, chance: float) -> float:
    """Seconds after the failed attempt number `attempts` until the next; the last step repeats. `chance` in [0, 1)."""
    step = STEPS_S[min(max(attempts, 1), ATTEMPTS_MAX - 1)]
    return step * (1 + JITTER * chance)


def wished_wait_s(retry_after_s: float, chance: float) -> float:
    """The receiver's own wish, kept to the second or later; a second at least and a day at most."""
    return min(max(retry_after_s, 1.0), RETRY_AFTER_S_MAX) * (1 + JITTER * chance)
