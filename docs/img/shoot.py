"""Takes the README's picture: a contract whose amendment waits for a yes, on the stage of `tieline demo`.

python docs/img/shoot.py [light|dark] [FILE]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import sync_playwright

from tieline.entrypoints.demo import story
from tieline.entrypoints.demo.clearing import cleared
from tieline.entrypoints.demo.narration import narrator
from tieline.entrypoints.demo.records import Calendar
from tieline.entrypoints.demo.stage import staged
from tieline.entrypoints.demo.waiting import until

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def main(light: str, file: Path) -> None:
    says = narrator(as_json=True)
    with tempfile.TemporaryDirectory(prefix="tieline-picture-") as home:
        folder = cleared(Path(home) / "demo", keep=False)
        with staged(folder, says) as stage:
            days = Calendar(today=datetime.now(UTC).date())
            told = story.Telling(stage=stage, narrator=says, story=story.story(days), days=days, hub=stage.hub.client())
            story.signed(told, 1)
            story.worked(told, 2)
            story.sign(told, told.story.amendment)
            until("a plan", lambda: story.open_plan(told.hub, told.german), says, stage.hub.log)
            shoot(str(stage.hub.ready["console"]), told.german, light, file)


def shoot(login_link: str, contract_id: str, light: str, file: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install -y --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(
            color_scheme="dark" if light == "dark" else "light",
            java_script_enabled=False,
            viewport={"width": 1280, "height": 900},
            device_scale_factor=1.5,
        )
        page = context.new_page()
        page.goto(login_link)
        page.goto(f"{login_link.partition('/enter/')[0]}/contracts/{contract_id}")
        page.screenshot(path=str(file))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "light", Path((sys.argv[2:] or ["docs/img/contract.png"])[0]))
