"""Pictures of the web console, taken in the demo's world, and of the parts of the program."""

import asyncio
import shutil
import tomllib
from datetime import timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import httpx
from playwright.async_api import Browser, async_playwright

from client.offer_client import OfferClient
from demo.processes import ROOT, Processes
from demo.scenarios import Scenario
from offers.stage import TRANSITIONS, Stage
from runtime import schedules
from runtime.settings import TemporalSettings
from runtime.temporal import connect
from web.pages.offer import WAY

MORE = (
    Scenario(12, "Example Twelve Ltd", "shared", Stage.SHARED),
    Scenario(13, "Example Thirteen Inc", "waits for approval", Stage.DRAFT, months=24),
    Scenario(14, "Example Fourteen GmbH", "shared", Stage.SHARED, amount="240000.00"),
    Scenario(15, "Example Fifteen BV", "waits for approval", Stage.DRAFT, amount="60000.00"),
)
"""So that something is on its way, and waits."""
NEW = Scenario(16, "Example Sixteen Oy", "not started yet", Stage.DRAFT, months=24)
CHANGES_EVERY = timedelta(seconds=1)
TIMEOUT_SECONDS = 180
WIDE, PHONE = {"width": 1280, "height": 820}, {"width": 390, "height": 844}

VIEWS: tuple[tuple[str, str, str, dict[str, int]], ...] = (
    ("board", "/", "light", WIDE),
    ("board-dark", "/?view=stages", "dark", WIDE),
    ("offer", "/offers/006DEMO00000002YDA", "light", WIDE),
    ("approvals", "/approvals", "light", WIDE),
    ("approvals-phone", "/approvals", "dark", PHONE),
    ("payouts", "/payouts", "light", WIDE),
)
"""Name, path, colours and size of each picture."""


async def take(processes: Processes, folder: Path) -> None:
    """Put more offers into the world of a demo that is over, and take the pictures."""
    settings = TemporalSettings()
    temporal = await connect(settings)
    client = OfferClient(temporal, settings.clock)
    for scenario in MORE:
        await _put(processes, scenario)
    for scenario in MORE:
        await client.start_without_waiting(scenario.opportunity_id)
    expected = {scenario.opportunity_id: scenario.last_stage for scenario in MORE}
    async with asyncio.timeout(TIMEOUT_SECONDS):
        async for rows in client.changes(CHANGES_EVERY):
            stages = {row.opportunity_id: row.stage for row in rows}
            if all(stages.get(each) == stage for each, stage in expected.items()):
                break
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for name, path, scheme, size in VIEWS:
            await _take(browser, f"{processes.console}{path}", folder / f"{name}.png", scheme, size)
        # Else the intake may start it first.
        await schedules.pause(temporal, schedules.INTAKE, "pictures")
        await _put(processes, NEW)
        await _take_preflight(browser, processes.console, folder / "new-offer.png")
        await browser.close()


async def _put(processes: Processes, scenario: Scenario) -> None:
    async with httpx.AsyncClient(base_url=processes.addresses["control"], timeout=10) as control:
        opportunity = await control.post("/control/opportunities", json=scenario.opportunity())
        opportunity.raise_for_status()
        buyer = f"/control/buyers/{scenario.account}"
        (await control.put(buyer, json={"exists": True})).raise_for_status()


async def _take(
    browser: Browser, address: str, file: Path, scheme: str, size: dict[str, int]
) -> None:
    page = await browser.new_page(color_scheme=scheme, viewport=size)  # type: ignore[arg-type]
    await page.goto(address)
    await page.screenshot(path=file)
    await page.close()


async def _take_preflight(browser: Browser, console: str, file: Path) -> None:
    page = await browser.new_page(viewport=WIDE)  # type: ignore[arg-type]
    await page.goto(f"{console}/new?opportunity={NEW.opportunity_id}")
    await page.get_by_role("button", name="Check").click()
    await page.locator("#preflight").wait_for()
    await page.screenshot(path=file)
    await page.close()


BOX, GAP, LEFT = (118, 40), 14, 20
STYLE = (
    "text{font:13px sans-serif;fill:#1a2230}.box{fill:#e4edf8;stroke:#1d5fa8}"
    ".side{fill:#fdf1d6;stroke:#b9850a}.line{stroke:#56606f;fill:none;marker-end:url(#end)}"
    ".small{font-size:11px;fill:#56606f}.title{font-weight:bold}"
)


def parts_picture() -> str:
    """The packages, each above those that it imports, and the stages of an offer: an SVG."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    parts = [_text(LEFT, 24, "The packages: each imports only what is below it", "title")]
    y = 40
    for layer in layers:
        for number, name in enumerate(each.strip() for each in layer.split("|")):
            parts.append(_box(LEFT + number * (BOX[0] + GAP), y, name, ABOUT[name]))
        if "|" not in layer:
            parts.append(_text(LEFT + BOX[0] + GAP, y + 25, ", ".join(_contents(layer)), "small"))
        y += BOX[1] + GAP
    y += 20
    parts.append(_text(LEFT, y, "An offer's life; docs/lifecycle.md has every step", "title"))
    y += 16
    for number, stage in enumerate(WAY):
        x = LEFT + number * (BOX[0] + GAP)
        parts.append(_box(x, y, stage))
        if number:
            parts.append(f'<path class="line" d="M{x - GAP} {y + 20}h{GAP - 3}"/>')
        aside = [each for each in TRANSITIONS[stage] if each not in WAY]
        for place, each in enumerate(aside):
            parts.append(_box(x, y + (place + 1) * (BOX[1] + GAP), each, kind="side"))
    height = y + 3 * (BOX[1] + GAP) + 10
    width = LEFT * 2 + len(WAY) * (BOX[0] + GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
        f' aria-label="The packages of Offerflow, and the stages of an offer">'
        f"<style>{STYLE}</style>"
        '<defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#56606f"/></marker></defs>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


ABOUT = {
    "demo": "eleven offers",
    "bench": "figures",
    "cli": "offerflow",
    "web": "console, HTTP API",
    "client": "of the workflows",
    "runtime": "settings, workers",
    "workflows": "Temporal",
    "activities": "calls to vendors",
    "offers": "the domain, pure",
}


def _contents(package: str) -> list[str]:
    """Its folders, or its modules if it has none."""
    folder = ROOT / package
    found = [each.parent.name for each in folder.glob("*/__init__.py")]
    return sorted(found or (each.stem for each in folder.glob("*.py") if each.stem != "__init__"))


def _box(x: int, y: int, name: str, about: str = "", kind: str = "box") -> str:
    width, height = BOX
    lines = [_text(x + 8, y + (17 if about else 25), name)]
    if about:
        lines.append(_text(x + 8, y + 33, about, "small"))
    shape = f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="5"/>'
    return shape + "".join(lines)


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(text)}</text>'
