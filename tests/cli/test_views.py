"""How values read on a terminal."""

from __future__ import annotations

from tieline.entrypoints.cli.output import money
from tieline.entrypoints.cli.views import value


def test_money_is_grouped_and_keeps_every_digit() -> None:
    assert money({"amount": "1234567.125", "currency": "KWD"}) == "KWD 1,234,567.125"
    assert money({"amount": "-50.00", "currency": "EUR"}) == "EUR -50.00"


def test_nothing_is_said_in_words() -> None:
    assert value(None) == "(none)"


def test_nested_documents_are_spelled_out() -> None:
    assert value({"city": "Hamburg", "country": "DE"}) == "city Hamburg, country DE"
    assert value([{"amount": "1", "currency": "EUR"}, "x"]) == "EUR 1; x"
