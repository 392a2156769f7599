"""The pages in a real browser, with scripts off: legible, by keyboard alone, without an accessibility fault in both lights."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from console_answers import Answers
from console_serving import Console
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
PATHS = (
    "",
    "contracts/con_1",
    "contracts/con_2",
    "contracts/con_3",
    "contracts/con_4",
    "contracts/con_5",
    "contracts/con_9",
)
Light = Literal["light", "dark"]


def page_of(browser: Browser, *, light: Light = "light", scripts: bool = False, width: int = 1280) -> Page:
    context = browser.new_context(
        color_scheme=light, java_script_enabled=scripts, viewport={"width": width, "height": 900}, bypass_csp=scripts
    )
    return context.new_page()


@pytest.mark.parametrize("light", ["light", "dark"])
def test_no_page_has_an_accessibility_fault(browser: Browser, console: Console, light: Light) -> None:
    """axe is a script of the test's own, put in past the page's policy."""
    page = page_of(browser, light=light, scripts=True)
    page.goto(f"{console.url}/console/login")
    faults = [f"login: {Axe().run(page, options=RULES).generate_report()}"] if faulty(page) else []
    page.goto(console.door())
    for path in PATHS:
        page.goto(f"{console.url}/console/{path}")
        if faulty(page):
            faults.append(f"{path}: {Axe().run(page, options=RULES).generate_report()}")
    assert not faults, "\n".join(faults)


def faulty(page: Page) -> int:
    found: int = Axe().run(page, options=RULES).violations_count
    return found


def test_a_plan_is_applied_with_the_keyboard_alone_and_scripts_off(
    browser: Browser, console: Console, answers: Answers
) -> None:
    page = page_of(browser)
    page.goto(console.door())
    page.goto(f"{console.url}/console/contracts/con_3")
    button = page.get_by_role("button", name="Apply this plan")
    for _ in range(30):
        page.keyboard.press("Tab")
        if button.evaluate("each => each === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Data platform for Hanse Logistik")
    assert [order[0] for order in answers.orders] == ["plans/pln_1/apply"]


def test_the_first_tab_skips_to_the_content(browser: Browser, console: Console) -> None:
    page = page_of(browser)
    page.goto(console.door())
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


def test_the_way_reads_from_signature_to_ledger_with_a_word_for_every_status(
    browser: Browser, console: Console
) -> None:
    page = page_of(browser)
    page.goto(console.door())
    page.goto(f"{console.url}/console/contracts/con_2")
    stages = page.locator(".way .stage").all_inner_texts()
    assert stages == ["Signed", "Client", "Project", "Work breakdown", "Billing rules", "Time", "Invoice", "Ledger"]
    words = page.locator(".way .word").all_inner_texts()
    assert words[:3] == ["signed", "in step", "on hold"] and words[3:] == ["not yet"] * 5


def test_a_narrow_screen_scrolls_the_way_and_never_the_page(browser: Browser, console: Console) -> None:
    page = page_of(browser, width=400)
    page.goto(console.door())
    page.goto(f"{console.url}/console/contracts/con_3")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_a_login_link_opens_once(browser: Browser, console: Console) -> None:
    door = console.door()
    first, second = page_of(browser), page_of(browser)
    first.goto(door)
    expect(first.get_by_role("heading", level=1)).to_have_text("Contracts")
    second.goto(door)
    expect(second.get_by_role("alert")).to_contain_text("has been used")
