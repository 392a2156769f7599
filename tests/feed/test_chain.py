"""The chain's arithmetic: every piece counts, and no two different rows spell the same bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from tieline.engine.feed.chain import Link, digest, epoch_start, link

ROW = Link(
    tenant="north", epoch=1, position=7, event_id=UUID(int=1), recorded_at=datetime(2026, 3, 1, tzinfo=UTC), lane="l",
    lane_seq=2, digest=b"d" * 32,
)  # fmt: skip
EVENT: dict[str, Any] = {
    "event_id": UUID(int=1), "recorded_at": datetime(2026, 3, 1, tzinfo=UTC), "lane": "l", "lane_seq": 2, "type": "t",
    "subject": "s", "data_text": "{}", "correlation_id": UUID(int=2), "causation_id": None, "actor": "a",
    "legal_entity": None,
}  # fmt: skip


def test_A2_the_same_row_has_another_hash_in_every_place_that_it_could_be_moved_to() -> None:
    moved = [
        ROW, replace(ROW, tenant="south"), replace(ROW, epoch=2), replace(ROW, position=8), replace(ROW, lane="m"),
        replace(ROW, lane_seq=3), replace(ROW, event_id=UUID(int=3)), replace(ROW, digest=b"e" * 32),
        replace(ROW, recorded_at=ROW.recorded_at + timedelta(microseconds=1)),
    ]  # fmt: skip
    hashes = {link(before, row) for row in moved for before in (b"x" * 32, b"y" * 32)}
    assert len(hashes) == 2 * len(moved)


def test_A2_every_column_of_an_event_counts_and_nothing_is_not_the_same_as_empty() -> None:
    changed: list[tuple[str, Any]] = [
        ("event_id", UUID(int=9)), ("recorded_at", datetime(2026, 3, 2, tzinfo=UTC)), ("lane", "m"), ("lane_seq", 3),
        ("type", "u"), ("subject", "r"), ("data_text", '{"a": 1}'), ("correlation_id", UUID(int=9)),
        ("causation_id", UUID(int=9)), ("actor", "b"), ("legal_entity", ""), ("legal_entity", "DE01"),
    ]  # fmt: skip
    digests = {digest("north", EVENT), digest("south", EVENT), *(digest("north", {**EVENT, k: v}) for k, v in changed)}
    assert len(digests) == len(changed) + 2


def test_A2_text_that_moves_from_one_column_to_the_next_does_not_go_unseen() -> None:
    assert digest("n", {**EVENT, "type": "ab", "subject": "c"}) != digest("n", {**EVENT, "type": "a", "subject": "bc"})


def test_A2_the_beginning_of_an_epoch_depends_on_all_that_was_declared() -> None:
    said = [("n", 2, 5, b"h"), ("m", 2, 5, b"h"), ("n", 3, 5, b"h"), ("n", 2, 6, b"h"), ("n", 2, 5, b"i")]
    assert len({epoch_start(*each) for each in said}) == len(said)
