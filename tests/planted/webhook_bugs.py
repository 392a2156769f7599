"""Planted bugs of webhooks out."""

from __future__ import annotations

from bug import Bug

WEBHOOK_BUGS = (
    Bug(
        "webhook_refused_and_forgotten", "engine/deliveries/settling.py",
        "for queue in load.queues if not queue.done], load.tenant)\n",
        "for queue in load.queues if not queue.done and queue.stored], load.tenant)\n",
        "tests/routing/test_deliveries.py::"
        "test_after_an_outage_every_event_arrives_in_order_under_its_first_id",
        "The cursor passes a message that was not taken and nothing remembers it (L1, L4).",
    ),
    Bug(
        "webhook_unfenced", "engine/deliveries/settling.py",
        "        await fence(cursor)\n        await cursor.execute(_LOCK",
        "        await cursor.execute(_LOCK",
        "tests/routing/test_killed_deliverer.py::"
        "test_D5_a_deliverer_that_lost_the_duty_sends_and_stores_nothing_more",
        "A deliverer that stood still moves the cursor of its successor (D5).",
    ),
    Bug(
        "webhook_retry_after_ignored", "routing/health.py",
        "seconds=wished if verdict.outcome is Outcome.THROTTLED else",
        "seconds=scheduled if verdict.outcome is Outcome.THROTTLED else",
        "tests/routing/test_deliveries.py::test_retry_after_of_a_429_is_kept_to_the_second",
        "A receiver that asks for a minute and a half is asked again after five seconds (V3).",
    ),
)  # fmt: skip
