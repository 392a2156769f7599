"""Turns between tenants and classes: the stated bound, for any weights and any coming and going."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.engine.budgets.criticality import WEIGHT_SUM, WEIGHTS, Criticality, of_nature
from tieline.engine.budgets.turns import Robin, Turns

_WEIGHTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 20), min_size=2)


@given(weights=_WEIGHTS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_T4_whoever_always_has_work_gets_its_part_of_any_turns_in_a_row(
    weights: dict[str, int], data: st.DataObject
) -> None:
    """The others come and go as they like; `steady` never gets less than (K - n) * w / W - 1."""
    steady = data.draw(st.sampled_from(sorted(weights)))
    robin: Robin[str] = Robin()
    picks: list[str] = []
    others: set[str] = set()
    for _ in range(120):
        if len(picks) % 7 == 0:
            others = data.draw(st.sets(st.sampled_from(sorted(weights))))
        picks.append(robin.turn({name: weights[name] for name in sorted({steady, *others})}))
    n, whole, own = len(weights), sum(weights.values()), weights[steady]
    for start in range(0, 120, 10):
        for end in range(start + 1, 121, 9):
            got = picks[start:end].count(steady)
            assert got >= (end - start - n) * own / whole - 1


@given(weights=_WEIGHTS, before=st.integers(0, 200), data=st.data())
@settings(max_examples=150, deadline=None)
def test_T4_a_newcomer_waits_at_most_the_stated_turns_however_long_the_others_have_queued(
    weights: dict[str, int], before: int, data: st.DataObject
) -> None:
    newcomer = data.draw(st.sampled_from(sorted(weights)))
    robin: Robin[str] = Robin()
    for _ in range(before):
        robin.turn({name: weight for name, weight in weights.items() if name != newcomer})
    bound = sum(weights.values()) / weights[newcomer] + len(weights)
    assert newcomer in [robin.turn(weights) for _ in range(int(bound))]


def test_T4_equal_tenants_get_equal_turns_although_one_waits_with_a_hundred_thousand() -> None:
    turns = Turns()
    waiting = {("noisy", Criticality.STATE), ("quiet", Criticality.STATE), ("small", Criticality.STATE)}
    assert Counter(turns.turn(waiting, {})[0] for _ in range(300)) == {"noisy": 100, "quiet": 100, "small": 100}


def test_a_release_waits_for_at_most_one_other_call_of_its_firm_beside_a_queue_of_every_other_class() -> None:
    turns = Turns()
    everything_else = {("a", each) for each in Criticality if each is not Criticality.RELEASE}
    for _ in range(50):
        turns.turn(everything_else, {})
    with_release = {*everything_else, ("a", Criticality.RELEASE)}
    assert Criticality.RELEASE in [turns.turn(with_release, {})[1] for _ in range(2)]


def test_an_endless_queue_of_releases_leaves_every_other_class_its_reserved_part() -> None:
    turns = Turns()
    waiting = {("a", each) for each in Criticality}
    got = Counter(turns.turn(waiting, {})[1] for _ in range(10 * WEIGHT_SUM))
    assert {each: got[each] for each in Criticality} == {each: 10 * WEIGHTS[each] for each in Criticality}


def test_one_firms_flood_of_releases_takes_nothing_from_another_firms_listings() -> None:
    turns = Turns()
    waiting = {("flood", Criticality.RELEASE), ("calm", Criticality.CENSUS)}
    assert Counter(turns.turn(waiting, {})[0] for _ in range(100)) == {"flood": 50, "calm": 50}


def test_what_is_reserved_and_not_wanted_is_lent_whole() -> None:
    turns = Turns()
    assert {turns.turn({("a", Criticality.CENSUS)}, {"a": 3}) for _ in range(50)} == {("a", Criticality.CENSUS)}


def test_classes_follow_from_what_a_replica_is() -> None:
    assert [of_nature(nature) for nature in ("act", "movement", "state", "notice")] == [
        Criticality.RELEASE, Criticality.MOVEMENT, Criticality.STATE, Criticality.NOTICE,
    ]  # fmt: skip
