"""Documents have one spelling, identifiers are for ever, dates are half-open."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tieline.kit.canonical import decode, digest, encode, plain, restore
from tieline.kit.dates import DateRange, instant
from tieline.kit.ids import stable_id, uuid7


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    hours: Decimal
    on: date
    at: datetime


def test_a_document_survives_storage_to_the_last_digit() -> None:
    paper = Paper(hours=Decimal("8.00"), on=date(2026, 3, 1), at=datetime(2026, 3, 1, 9, tzinfo=UTC))
    assert plain(paper)["hours"] == "8.00"
    assert restore(decode(encode(plain(paper))), Paper) == paper


def test_the_digest_does_not_depend_on_the_order_of_members() -> None:
    assert digest({"a": 1, "b": {"c": 2, "d": 3}}) == digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert digest({"hours": "8.0"}) != digest({"hours": "8.00"})


def test_a_stable_id_fits_every_vendor_and_never_changes() -> None:
    assert stable_id("prj", "northwind", "con_1") == stable_id("prj", "northwind", "con_1")
    assert stable_id("prj", "a", "bc") != stable_id("prj", "ab", "c")
    assert len(stable_id("prj", "x" * 500)) <= 32 and stable_id("prj", "x").replace("_", "").isalnum()


def test_ids_of_what_happens_are_ordered_by_time_and_carry_their_version() -> None:
    first = uuid7()
    assert first.version == 7 and first.variant == "specified in RFC 4122"


def test_until_31_march_is_stored_as_1_april() -> None:
    march = DateRange(date(2026, 3, 1), date(2026, 4, 1))
    assert march.covers(date(2026, 3, 31)) and not march.covers(date(2026, 4, 1))
    with pytest.raises(ValueError, match="end after"):
        DateRange(date(2026, 4, 1), date(2026, 4, 1))


def test_an_instant_without_a_zone_is_refused() -> None:
    assert instant("2026-03-29T02:30:00+02:00") == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="no time zone"):
        instant("2026-03-29T02:30:00")
