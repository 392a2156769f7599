"""Calendars and schedules as a firm writes them, and when they are due by its own clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from tieline.adapters.config import load
from tieline.connectors import discover
from tieline.kit.schedules import dues

_GOOD = Path(__file__).parent / "northwind.yaml"
_WITH_SCHEDULES = """    service_lines: [DATA, CLOUD]
    schedules:
      month-end-census: {when: last business day at 18:00, starts: census, role: erp, kinds: [invoice, project]}
      invoices: {when: business day 2 of period at 06:00, starts: invoices, legal_entities: [DE01], through: period}
      look-again: {when: every monday at 07:00, starts: planning, missed: skip}
"""


def _settings(tmp_path: Path, text: str = _WITH_SCHEDULES) -> Path:
    file = tmp_path / "northwind.yaml"
    file.write_text(_GOOD.read_text().replace("    service_lines: [DATA, CLOUD]\n", text))
    return file


def test_a_schedule_holds_at_every_legal_entity_with_the_system_that_plays_the_role_there(tmp_path: Path) -> None:
    found = {each.name: each for each in load(_settings(tmp_path), {}, discover()).tenants["northwind"].schedules}
    assert list(found) == [
        "month-end-census/DE01",
        "month-end-census/NO",
        "invoices/DE01",
        "look-again/DE01",
        "look-again/NO",
    ]
    assert found["month-end-census/DE01"].populations == (("books", "invoice"), ("books", "project"))
    assert found["month-end-census/NO"].populations == (("netsuite", "invoice"), ("netsuite", "project"))
    assert (found["invoices/DE01"].through, found["look-again/NO"].missed) == ("period", "skip")


def test_a_census_without_kinds_lists_all_that_its_system_can_list(tmp_path: Path) -> None:
    text = _WITH_SCHEDULES.replace(", kinds: [invoice, project]", "").replace("role: erp", "role: clm")
    found = load(_settings(tmp_path, text), {}, discover()).tenants["northwind"].schedules[0]
    assert found.populations == (("ironclad", "agreement"),)


def test_holidays_and_weekend_of_a_legal_entity_move_its_business_days(tmp_path: Path) -> None:
    file = _settings(tmp_path)
    days = "calendar: {holidays: [2026-12-31, 2026-12-30], weekend: [saturday, sunday], year: {first_month: 4}}"
    file.write_text(file.read_text().replace("taxes: {STANDARD: 0.20}}", f"taxes: {{STANDARD: 0.20}}, {days}}}"))
    census, _, invoices, *_ = load(file, {}, discover()).tenants["northwind"].schedules
    after = datetime(2026, 12, 1, tzinfo=UTC)
    local = [
        due.astimezone(ZoneInfo("Europe/Berlin")).isoformat()
        for due in islice(dues(census.rule, census.place, after), 2)
    ]
    assert local == ["2026-12-29T18:00:00+01:00", "2027-01-29T18:00:00+01:00"]
    assert census.place.fiscal.period_of(after.date()).number == 9
    assert next(dues(invoices.rule, invoices.place, after)) == datetime(2026, 12, 2, 5, tzinfo=UTC)


def test_schedules_and_calendars_change_no_document_so_nothing_is_planned_anew(tmp_path: Path) -> None:
    before = load(_GOOD, {}, discover()).tenants["northwind"].config_version
    assert load(_settings(tmp_path), {}, discover()).tenants["northwind"].config_version == before
