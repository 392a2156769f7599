"""How many calls at once a vendor bears, learned from its answers. Pure: one state, one answer, the next state.

Additive increase up to a remembered ceiling, multiplicative decrease from it, never below one call. What is free beyond
the ceiling is found by trying one call more, after ever more good answers when the last try failed: a wrong guess costs one
turned-away call in hundreds. Counting answers instead of seconds makes the cost the same for quick and for slow vendors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

START = 4  # calls at once with a vendor that nothing is known of
CUT = 0.8
TRY_FIRST, TRY_LEAST, TRY_MOST = 60, 15, 2_000  # good answers before one call more is tried
TRY_AFTER_CUT = 200  # so that tries alone turn away at most one call in two hundred
ADOPTED_AFTER = 2  # times the number at once that must be answered well before a try is believed
PAUSE_FIRST_S, PAUSE_MOST_S = 0.5, 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """`cut_at`: instant of the last decrease; an answer to a call that was started before says nothing new."""

    at_once: float = START
    ceiling: int | None = None  # None: nothing was turned away yet
    good: int = 0  # good answers since the last step or decrease
    patience: int = TRY_FIRST
    cut_at: float = float("-inf")
    in_a_row: int = 0  # turned away one after another with a single call under way

    def most(self, slots: int) -> int:
        """Calls that may be under way now."""
        return max(1, min(slots, int(self.at_once)))

    @property
    def trying(self) -> bool:
        return self.ceiling is not None and int(self.at_once) > self.ceiling


def answered(was: Learned, under_way: int, slots: int) -> Learned:
    """A good answer, with `under_way` calls at once, itself among them. Nobody learns from a load below the limit."""
    state = replace(was, good=was.good + 1, in_a_row=0)
    if under_way < state.most(slots):
        return state
    if state.ceiling is None:
        return replace(state, at_once=min(float(slots), state.at_once + 1.0))  # doubles with every round of answers
    if state.trying:
        return _adopted(state) if state.good >= ADOPTED_AFTER * int(state.at_once) else state
    if state.at_once < state.ceiling:
        return replace(state, at_once=min(float(state.ceiling), state.at_once + 1.0 / max(1.0, state.at_once)))
    if state.good >= state.patience and state.ceiling < slots:
        return replace(state, at_once=state.ceiling + 1.0, good=0)
    return state


def _adopted(state: Learned) -> Learned:
    """One more is borne: the next is tried soon, for where one place has come free there are often several."""
    patience = max(TRY_LEAST, state.patience // 4)
    return replace(state, ceiling=int(state.at_once), at_once=float(int(state.at_once)), good=0, patience=patience)


def turned_away(was: Learned, under_way: int, started_at: float, now: float) -> Learned:
    """The vendor bears less than `under_way`. Calls that were started before the last decrease do not count twice."""
    alone = under_way <= 1
    if started_at < was.cut_at and not alone:
        return was
    state = replace(was, cut_at=now, good=0, in_a_row=was.in_a_row + 1 if alone else 0)
    if was.trying and was.ceiling is not None:
        patience = min(TRY_MOST, max(TRY_AFTER_CUT, 2 * was.patience))
        return replace(state, at_once=float(was.ceiling), patience=patience)
    ceiling = max(1, under_way - 1)
    at_once = max(1.0, ceiling * CUT)
    return replace(state, ceiling=ceiling, at_once=at_once, patience=max(TRY_AFTER_CUT, was.patience))


def silence_s(state: Learned) -> float:
    """How long to say nothing when even a single call is turned away: half a second, doubling up to a quarter of an hour.

    This is how a spent day's quota is met when the vendor does not say when it begins anew.
    """
    return min(PAUSE_FIRST_S * 2.0 ** min(state.in_a_row - 1, 20), PAUSE_MOST_S) if state.in_a_row else 0.0
