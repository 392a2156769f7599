"""Lengths of time as people type them, and the next times of each schedule worked out from the file alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tieline.entrypoints.cli.app import app
from tieline.entrypoints.cli.exits import Problem
from tieline.entrypoints.cli.moments import instant, later

_FIRM = Path(__file__).parents[1] / "config" / "northwind.yaml"
_SCHEDULES = """    service_lines: [DATA, CLOUD]
    schedules:
      nightly: {when: daily at 02:30, starts: planning, legal_entities: [DE01]}
"""


@pytest.mark.parametrize(
    ("length", "then"),
    [
        ("90m", "2028-01-31T13:30:00Z"), ("36h", "2028-02-02T00:00:00Z"), ("30d", "2028-03-01T12:00:00Z"),
        ("2w", "2028-02-14T12:00:00Z"), ("1mo", "2028-02-29T12:00:00Z"), ("13mo", "2029-02-28T12:00:00Z"),
        ("1y", "2029-01-31T12:00:00Z"),
    ],
)  # fmt: skip
def test_a_month_later_is_the_same_day_or_the_last_of_a_shorter_month(length: str, then: str) -> None:
    assert later(datetime(2028, 1, 31, 12, tzinfo=UTC), length) == instant(then)


@pytest.mark.parametrize("length", ["", "30", "0d", "-5d", "1.5h", "d", "30 days", "99999y"])
def test_what_is_no_length_of_time_is_refused_with_the_way_to_write_it(length: str) -> None:
    with pytest.raises(Problem) as refused:
        later(datetime(2028, 1, 31, tzinfo=UTC), length)
    assert refused.value.exit_code == 2


def test_an_instant_without_a_zone_is_UTC_and_a_word_is_refused() -> None:
    assert instant("2027-03-31T18:00:00+02:00") == instant("2027-03-31T16:00") == datetime(2027, 3, 31, 16, tzinfo=UTC)
    with pytest.raises(Problem, match="is no instant"):
        instant("tomorrow")


def test_the_next_times_of_a_schedule_are_told_on_its_own_clock_over_the_change_to_summer(tmp_path: Path) -> None:
    file = tmp_path / "tieline.yaml"
    file.write_text(_FIRM.read_text().replace("    service_lines: [DATA, CLOUD]\n", _SCHEDULES))
    words = ["config", "schedules", str(file), "--from", "2027-03-27T00:00:00Z", "--next", "3"]
    found = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["schedules"]
    assert [each["schedule"] for each in found] == ["nightly/DE01"]
    assert [due["local"] for due in found[0]["next"]] == [
        "2027-03-27T02:30:00+01:00", "2027-03-28T03:30:00+02:00", "2027-03-29T02:30:00+02:00",
    ]  # fmt: skip
    shown = CliRunner().invoke(app, words).stdout
    assert "2027-03-28T03:30:00+02:00  Sunday  (2027-03-28T01:30:00Z)" in shown


def test_a_file_without_schedules_says_so() -> None:
    assert (
        CliRunner().invoke(app, ["config", "schedules", str(_FIRM)]).stdout == "No schedule is written in this file.\n"
    )
