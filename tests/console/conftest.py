"""The console over a small API: for a person without a browser, and for a real one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import httpx2
import pytest
from console_answers import Answers, everything
from console_serving import Console, served
from playwright.sync_api import Browser, sync_playwright

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture
def answers() -> Answers:
    return everything()


@pytest.fixture
def client(answers: Answers) -> Iterator[httpx2.Client]:
    """A person without a browser: forms and links as they come, no script."""
    with served(answers) as console, httpx2.Client(base_url=console.url, follow_redirects=True, timeout=10) as client:
        yield client


@pytest.fixture
def console(answers: Answers) -> Iterator[Console]:
    with served(answers) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for longer: while it is open Playwright runs a loop in this thread, and tests of coroutines could not run."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "the page is tested in Chromium: `apt-get install -y --no-install-recommends chromium`"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield found
        found.close()
