"""The hour's soak before it runs: what it plans, where it kills, what its report says while it is under way and when it fails."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tieline.engine.crashpoints import EVERY_POINT, MIGRATION_POINTS
from tieline.entrypoints.chaos import bars, ledger, pages
from tieline.entrypoints.chaos.campaign import SETBACK, STORM, Campaign, Plan, planned
from tieline.entrypoints.chaos.chapter import Chapter
from tieline.entrypoints.chaos.drawing import fierce, fierce_alone
from tieline.entrypoints.chaos.gauges import Gauge, slope
from tieline.entrypoints.chaos.killer import APPROVAL_POINTS, EDGE_POINTS, SCHEDULER_POINTS, WORKER_POINTS
from tieline.entrypoints.chaos.recovery import RESTORED, SHARDS_ELSEWHERE
from tieline.kit.errors import Rejected

SOURCE = Path(__file__).parents[2] / "src" / "tieline"


def test_the_same_seed_plans_the_same_chapters_and_a_chapter_says_how_it_is_repeated() -> None:
    plans = [planned(7, number) for number in range(12)]
    assert plans == [planned(7, number) for number in range(12)]
    assert Counter(plan.kind for plan in plans) == {STORM: 6, SETBACK: 6}
    assert plans[1].kind == SETBACK
    assert [Plan.parse(str(plan)) for plan in plans] == plans
    assert Plan.parse(str(plans[0])).seeds == plans[0].seeds
    assert len({seed for plan in plans for seed in plan.seeds}) == 36
    with pytest.raises(Rejected, match="storm:SEED"):
        Plan.parse("calm:3")


def test_every_draw_of_a_storm_kills_every_role_and_the_store_and_enough_of_them_fail_over() -> None:
    draws = [fierce(seed) for seed in range(200)]
    assert draws == [fierce(seed) for seed in range(200)]
    assert {tuple(draw.victims) for draw in draws} == {("edge", "worker", "scheduler")}
    assert {Counter(draw.store)["crash"] for draw in draws} == {3}
    assert {Counter(draw.store)["failover"] for draw in draws} == {1, 2}
    assert sum(Counter(draw.store)["failover"] for draw in draws) >= 270
    assert 20 <= sum(draw.approvals for draw in draws) <= 100
    assert all(any(rule["fault"]["code"] == "F18" for rule in draw.clm) for draw in draws)
    assert all(fierce_alone(seed).store == ["crash"] for seed in range(20))


def test_each_crash_point_stands_in_the_code_and_somebody_dies_there() -> None:
    code = "".join(path.read_text() for path in SOURCE.rglob("*.py"))
    assert set(re.findall(r'crash_point\("(\w+)"\)', code)) == set(EVERY_POINT)
    assert {*EDGE_POINTS, *APPROVAL_POINTS, *WORKER_POINTS, *SCHEDULER_POINTS, *MIGRATION_POINTS} == set(EVERY_POINT)


def test_a_report_says_while_the_run_goes_on_that_it_is_not_finished(tmp_path: Path) -> None:
    path = pages.place(tmp_path, date(2026, 11, 24), 7)
    assert path.name == "2026-11-24-soak-seed7.md"
    campaign = _campaign()
    pages.keep(ledger.document(campaign), path, date(2026, 11, 24))
    assert "**not finished**" in path.read_text()
    campaign.ended = True
    pages.keep(ledger.document(campaign), path, date(2026, 11, 24))
    text = path.read_text()
    assert "**held**" in text
    assert "3 of them met processes of the hub" in text
    assert "before_send 2" in text
    assert "Never hit: before_accept_commit" in text
    assert pages.place(tmp_path, date(2026, 11, 24), 7).name == "2026-11-24-soak-seed7-2.md"


def test_a_report_of_a_run_that_failed_names_the_fault_the_command_and_the_folder(tmp_path: Path) -> None:
    campaign = _campaign()
    campaign.wrong["M1"] = ["revenue is 3"]
    campaign.repeat, campaign.evidence = "tieline chaos --chapter storm:9", "/somewhere/kept"
    path = pages.place(tmp_path, date(2026, 11, 24), 7)
    pages.keep(ledger.document(campaign), path, date(2026, 11, 24))
    text = path.read_text()
    assert "**broken**" in text
    assert "| M1 | broken: revenue is 3 |" in text
    assert "`tieline chaos --chapter storm:9`" in text
    assert "/somewhere/kept" in text


def test_a_bar_is_missed_by_its_own_figure_only() -> None:
    times = {"n": 200.0, "p50_s": 1.0, "p99_s": 4.0, "max_s": 9.0}
    found = bars.judged({SHARDS_ELSEWHERE: times, RESTORED: times | {"max_s": 601.0}, "something else": times})
    assert found == {SHARDS_ELSEWHERE: "p99 at most 5 s: met", RESTORED: "max at most 600 s: missed"}


def test_memory_counts_once_a_process_is_warm_and_its_slope_is_per_hour() -> None:
    gauge = Gauge()
    gauge.seen += [(0.0, 40 * 1024, 9), (300.0, 90 * 1024, 12), (600.0, 100 * 1024, 14)]
    gauge.seen += [(600.0 + 60 * n, 100 * 1024 + 1024 * n, 14) for n in range(1, 61)]
    told = gauge.told()
    assert told["mb_warm"] == 100.0
    assert told["mb_per_h"] == pytest.approx(60.0, abs=0.01)
    assert (told["files_min"], told["files_max"]) == (14, 14)
    assert slope([(1.0, 5.0)]) == 0.0


def _campaign() -> Campaign:
    campaign = Campaign(seed=7, command="tieline chaos --minutes 60 --seed 7")
    chapter = Chapter()
    chapter.ledger.kills.update({"worker": 2, "edge": 1, "postgres crash": 1, "restore": 1})
    chapter.ledger.in_flight += [0, 3]
    chapter.points.update({"before_send": 2})
    chapter.wrong["M1"] = []
    campaign.add(chapter)
    return campaign
