"""Which rate holds on which day, as known when."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tieline.domain.amendments import terms_of
from tieline.domain.rates import KnownAmendment, Term, Unrated, rate_on
from tieline.domain.records import Amendment, Contract, ContractLine, RateChange
from tieline.kit.money import Money


def eur(amount: str) -> Money:
    return Money.of(amount, "EUR")


def signed(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


LINE = ContractLine(
    id="L1",
    name="Senior",
    service_line="DATA",
    strategy="time_and_materials",
    planned_hours=Decimal(100),
    rate=eur("200"),
)
CONTRACT = Contract(
    id="c",
    number="C-1",
    title="",
    client_id="x",
    legal_entity="DE01",
    currency="EUR",
    tax_code="STANDARD",
    starts_on=date(2026, 1, 1),
    ends_on=None,
    state="signed",
    signed_at=signed("2025-12-01T00:00:00"),
    lines=(LINE, replace(LINE, id="L2", rate=eur("100"))),
)


def amendment(
    number: int, rate: str, signed_on: str, frm: str, to: str | None = None, line: str = "L1"
) -> KnownAmendment:
    """Recorded on the day of its signature."""
    given = Amendment(
        id=f"am_{number}",
        contract_id="c",
        number=number,
        signed_at=signed(f"{signed_on}T09:00:00"),
        effective_from=date.fromisoformat(frm),
        effective_to=date.fromisoformat(to) if to else None,
        changes=(RateChange(line_id=line, rate=eur(rate)),),
    )
    return KnownAmendment(amendment=given, known_at=signed(f"{signed_on}T09:00:00"))


A1 = amendment(1, "210", "2026-03-10", "2026-04-01")
A2 = amendment(2, "90", "2026-03-20", "2026-03-01", line="L2")
A3 = amendment(3, "205", "2026-04-05", "2026-03-15")


@pytest.mark.parametrize(
    ("day", "known_on", "rate"),
    [
        ("2026-03-20", "2026-03-31", "200"),
        ("2026-03-20", "2026-04-06", "205"),
        ("2026-04-02", "2026-04-04", "210"),
        ("2026-04-02", "2026-04-06", "205"),
    ],
)
def test_EX_4_0a_the_rate_of_a_day_depends_on_when_one_asks(day: str, known_on: str, rate: str) -> None:
    term = rate_on(CONTRACT, "L1", date.fromisoformat(day), [A1, A2, A3], signed(f"{known_on}T12:00:00"))
    assert isinstance(term, Term) and term.rate == eur(rate)


def test_EX_4_0a_another_term_is_not_displaced() -> None:
    before = rate_on(CONTRACT, "L2", date(2026, 3, 15), [A1, A2, A3], signed("2026-03-19T12:00:00"))
    after = rate_on(CONTRACT, "L2", date(2026, 3, 15), [A1, A2, A3], signed("2026-03-20T12:00:00"))
    assert isinstance(before, Term) and before.rate == eur("100")
    assert isinstance(after, Term) and after.rate == eur("90")


def test_EX_4_0a_the_open_ended_retroactive_amendment_is_set_aside_until_it_is_confirmed() -> None:
    known_at = signed("2026-04-06T12:00:00")
    terms = terms_of(CONTRACT, [A1, A2, A3], known_at)
    assert [(a.amendment.id, a.why.code) for a in terms.aside] == [("am_3", "AMENDMENT_DISPLACES")]
    confirmed = terms_of(CONTRACT, [A1, A2, A3], known_at, {"am_3"})
    assert confirmed.aside == () and confirmed.rate_on("L1", date(2026, 4, 2)) == Term(
        rate=eur("205"), since=date(2026, 3, 15), amendment_id="am_3"
    )


def test_EX_4_0a_an_amendment_that_says_where_it_ends_displaces_nothing() -> None:
    ended = amendment(3, "205", "2026-04-05", "2026-03-15", "2026-04-01")
    terms = terms_of(CONTRACT, [A1, A2, ended], signed("2026-04-06T12:00:00"))
    assert terms.aside == ()
    rates = [terms.rate_on("L1", date(2026, 3, 31)), terms.rate_on("L1", date(2026, 4, 1))]
    assert [r.rate for r in rates if isinstance(r, Term)] == [eur("205"), eur("210")]


@pytest.mark.parametrize("order", [[A1, A3], [A3, A1]])
def test_EX_4_0b_one_and_three_arrive_in_any_order_and_three_is_parked(order: list[KnownAmendment]) -> None:
    ended = [replace(k, amendment=replace(k.amendment, effective_to=date(2026, 6, 1))) for k in order]
    terms = terms_of(CONTRACT, ended, signed("2026-04-06T12:00:00"))
    assert [k.amendment.number for k in terms.applied] == [1]
    assert [(a.amendment.number, a.why.code) for a in terms.aside] == [(3, "AMENDMENT_GAP")]


def test_an_amendment_counts_from_the_instant_at_which_it_was_recorded_not_signed() -> None:
    late = replace(A1, known_at=signed("2026-04-20T00:00:00"))
    before = rate_on(CONTRACT, "L1", date(2026, 4, 2), [late], signed("2026-04-19T00:00:00"))
    assert isinstance(before, Term) and before.rate == eur("200")


def test_two_signatures_at_one_instant_on_one_term_conflict() -> None:
    twin = amendment(2, "220", "2026-03-10", "2026-04-01")
    answer = rate_on(CONTRACT, "L1", date(2026, 4, 2), [A1, twin], signed("2026-04-06T12:00:00"))
    assert isinstance(answer, Unrated) and answer.code == "AMENDMENT_CONFLICT"
    assert {a.id for a in answer.amendments} == {"am_1", "am_2"}


def test_two_signatures_at_one_instant_that_agree_are_no_conflict() -> None:
    twin = amendment(2, "210.00", "2026-03-10", "2026-04-01")
    assert terms_of(CONTRACT, [A1, twin], signed("2026-04-06T12:00:00")).aside == ()


def test_a_third_signature_that_covers_the_contradiction_settles_it() -> None:
    twin = amendment(2, "220", "2026-03-10", "2026-04-01")
    third = amendment(3, "215", "2026-03-12", "2026-04-01")
    terms = terms_of(CONTRACT, [A1, twin, third], signed("2026-04-06T12:00:00"))
    assert terms.aside == ()
    term = terms.rate_on("L1", date(2026, 4, 2))
    assert isinstance(term, Term) and term.rate == eur("215")


def test_two_amendments_with_one_number_are_both_set_aside() -> None:
    other = replace(A1, amendment=replace(A1.amendment, id="am_x", effective_to=date(2026, 5, 1)))
    terms = terms_of(CONTRACT, [A1, other], signed("2026-04-06T12:00:00"))
    assert [a.why.code for a in terms.aside] == ["AMENDMENT_CONFLICT", "AMENDMENT_CONFLICT"]


def test_the_day_before_an_amendment_still_has_the_old_rate() -> None:
    answers = [rate_on(CONTRACT, "L1", date(2026, 3, 31 - n), [A1], signed("2026-05-01T00:00:00")) for n in (0, 1)]
    assert [a.rate for a in answers if isinstance(a, Term)] == [eur("200"), eur("200")]


@pytest.mark.parametrize(
    "answer",
    [
        rate_on(CONTRACT, "L9", date(2026, 2, 1), [], signed("2026-02-01T00:00:00")),
        rate_on(CONTRACT, "L1", date(2025, 12, 31), [], signed("2026-02-01T00:00:00")),
        rate_on(
            replace(CONTRACT, lines=(replace(LINE, rate=eur("0")),)),
            "L1",
            date(2026, 2, 1),
            [],
            signed("2026-02-01T00:00:00"),
        ),
    ],
)
def test_a_missing_rate_is_said_and_never_zero(answer: Term | Unrated) -> None:
    assert answer == Unrated(code="RATE_MISSING")


def test_a_rate_in_another_currency_is_not_a_rate() -> None:
    dollars = replace(
        A1, amendment=replace(A1.amendment, changes=(RateChange(line_id="L1", rate=Money.of("210", "USD")),))
    )
    answer = rate_on(CONTRACT, "L1", date(2026, 4, 2), [dollars], signed("2026-05-01T00:00:00"))
    assert isinstance(answer, Unrated) and answer.code == "RATE_CURRENCY"
