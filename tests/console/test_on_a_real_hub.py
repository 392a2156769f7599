"""The buttons on a running hub with a real ERP: what a person presses is what the ledger holds in the end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import httpx2
import pytest

from tieline.entrypoints.demo import checks, story
from tieline.entrypoints.demo.clearing import cleared
from tieline.entrypoints.demo.narration import Narrator
from tieline.entrypoints.demo.records import Calendar
from tieline.entrypoints.demo.stage import staged
from tieline.entrypoints.demo.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture
def told(tmp_path: Path) -> Iterator[story.Telling]:
    """Two contracts in step, with approved hours in the books."""
    says = Narrator(StringIO())
    with staged(cleared(tmp_path / "demo", keep=False), says) as stage:
        days = Calendar(today=datetime.now(UTC).date())
        told = story.Telling(stage=stage, narrator=says, story=story.story(days), days=days, hub=stage.hub.client())
        story.signed(told, 1)
        story.worked(told, 2)
        yield told


def press(browser: httpx2.Client, url: str, page: str, words: str) -> str:
    """Sends the form whose button says `words`, as it stands on the page."""
    form = next(each for each in re.findall(r"<form.*?</form>", page, re.DOTALL) if f">{words}<" in each)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
    action = re.search(r'action="([^"]+)"', form)
    assert action
    answer = browser.post(url + action.group(1), data=fields)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_plan_is_applied_and_an_invoice_released_by_pressing_the_buttons_shown(told: story.Telling) -> None:
    url, log, says = told.stage.hub.url, told.stage.hub.log, told.narrator
    place = f"{url}/console/contracts/{told.german}"
    with httpx2.Client(follow_redirects=True, timeout=30) as browser:
        browser.get(str(told.stage.hub.ready["console"]))
        story.sign(told, told.story.amendment)
        until("a plan", lambda: story.open_plan(told.hub, told.german), says, log)
        page = browser.get(place).text
        assert "EUR 150" in page and "EUR 165" in page and "needs a yes" in page
        press(browser, url, page, "Apply this plan")
        until("the new rate", lambda: story.in_step(told.hub, told.german), says, log)

        today = told.days.today.isoformat()
        told.hub.post(f"/process/v1/contracts/{told.german}/invoices", {"through": today, "invoice_date": today})
        invoice = until("the invoice", lambda: story.to_release(told.hub, told.german), says, log)
        press(browser, url, browser.get(place).text, "Release this invoice")
        until("the posting", lambda: story.in_step(told.hub, told.german), says, log)
        assert "Every system holds what was signed: tryton." in browser.get(place).text
    posted = told.stage.erp_witness.ledger(invoice["id"])
    assert posted is not None and posted.balanced and checks.plain(posted.total) == "1440.00"


def test_a_contract_with_an_unknown_word_stands_under_the_list_until_it_is_put_right(told: story.Telling) -> None:
    record = story.story(told.days).german
    record["properties"]["legalEntity"]["value"] = "DE09"
    story.sign(told, record)

    def strays() -> list[dict[str, object]]:
        return [hold for hold in told.hub.rows("/experience/v1/holds") if hold["contract_id"] is None]

    url, log, says = told.stage.hub.url, told.stage.hub.log, told.narrator
    until("the hold", strays, says, log)
    with httpx2.Client(follow_redirects=True, timeout=30) as browser:
        page = browser.get(str(told.stage.hub.ready["console"])).text
        assert "DE09" in page and "overlay.legal_entity" in page and "Belongs to no contract yet" in page
        right = {"properties": {"legalEntity": {"type": "string", "value": "DE01"}}}
        told.stage.clm.control(f"edit/{record['id']}", right)
        press(browser, url, page, "Look again now")
        until("the contract", lambda: story.in_step(told.hub, checks.contract_id(record)), says, log)
    assert strays() == []
