"""Takes the README's picture of a contract page: `python docs/img/shoot.py LOGIN_LINK CONTRACT_ID [light|dark] [FILE]`.

Run it against a hub that shows a contract on its way, for example after `tieline demo`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def shoot(login_link: str, contract_id: str, light: str, file: Path) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install -y --no-install-recommends chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(
            color_scheme="dark" if light == "dark" else "light",
            java_script_enabled=False,
            viewport={"width": 1280, "height": 860},
            device_scale_factor=1.5,
        )
        page = context.new_page()
        page.goto(login_link)
        page.goto(f"{login_link.partition('/enter/')[0]}/contracts/{contract_id}")
        page.screenshot(path=str(file))
        browser.close()


if __name__ == "__main__":
    link, contract, *rest = sys.argv[1:]
    shoot(link, contract, rest[0] if rest else "light", Path(rest[1] if len(rest) > 1 else "docs/img/contract.png"))
