"""A real Chromium, driven by Playwright."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

CHROMIUM = shutil.which("chromium")
"""None: it is not installed (on Debian: `apt-get install chromium`)."""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """A browser without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            # Containers run as root, where Chromium's own sandbox does not start.
            args=["--no-sandbox"],
        )
        try:
            yield browser
        finally:
            await browser.close()


async def accessibility_problems(page: Page) -> list[str]:
    """What axe finds on a page: WCAG 2.2 AA, and axe's best practice."""
    found = await Axe().run(page, options=WCAG)
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]
