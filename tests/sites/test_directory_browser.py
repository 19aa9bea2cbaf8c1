"""The directory in a real browser: nothing for axe to find, nothing asked of anybody else, readable at 320 pixels."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright

from deploy.home import free_port
from services.sites.web.words import spoken
from tests.doors import Door
from tests.sites.builders import BOTH, offered, registered, times

CHROMIUM = Path("/usr/bin/chromium")
ALONE = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SHEET = re.compile(rb"/Type\s*/Page\b")
TOO_LOW = """[...document.querySelectorAll('a:not(.skip), button, select, input[type=text]')]
    .filter(each => each.offsetParent && each.getBoundingClientRect().height < 24).map(each => each.textContent)"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium at /usr/bin/chromium"),
]


@dataclass(frozen=True)
class Directory:
    """Where the directory is served, and its pages."""

    address: str
    pages: Sequence[str]
    leaflet: str


@pytest.fixture
async def directory(sites: Door) -> AsyncIterator[Directory]:
    """Serve the directory to a browser, with a few services in it."""
    async with sites.caller(BOTH) as writer:
        site = (await registered(writer))["id"]
        offer = await offered(
            writer, site_id=site, name="Tea", languages=["so", "ta", "ur"], schedule=[times(byday=["TU"])]
        )
        for number in range(12):
            await offered(writer, site_id=site, name=f"Walk {number}", languages=["en"])
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(sites.app, port=port, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - uvicorn says that it has begun in no other way
            await asyncio.sleep(0.01)
    here = f"/{offer['id']}"
    pages = ("", "?place=SW17", "?need=sleep&place=SW17", "?day=X&place=1", here, f"{here}/leaflet", f"/sites/{site}")
    yield Directory(f"http://127.0.0.1:{port}/directory", (*pages, "/nowhere"), f"{here}/leaflet")
    server.should_exit = True
    await serving


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as started:
        one = await started.chromium.launch(executable_path=CHROMIUM, args=ALONE)
        yield one
        await one.close()


@asynccontextmanager
async def a_phone(browser: Browser, width: int = 360, **how: Any) -> AsyncIterator[tuple[Page, list[str]]]:
    """Open a page on a phone that may not run scripts of ours; also tell every address it asks for."""
    context = await browser.new_context(viewport={"width": width, "height": 740}, **how)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    yield await context.new_page(), asked
    await context.close()


def in_language(path: str, code: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang={code}"


@pytest.mark.parametrize("code", ["en", "ur"])
async def test_axe_finds_nothing_on_any_page_by_day_or_by_night(
    directory: Directory, browser: Browser, code: str
) -> None:
    for scheme in ("light", "dark"):
        async with a_phone(browser, color_scheme=scheme, bypass_csp=True) as (
            page,
            _,
        ):  # axe is a script; ours has none
            for path in directory.pages:
                await page.goto(directory.address + in_language(path, code))
                found = await Axe().run(page)
                assert found.violations_count == 0, f"{path} {scheme}: {found.generate_report()}"


async def test_a_page_asks_for_itself_and_nothing_else(directory: Directory, browser: Browser) -> None:
    async with a_phone(browser) as (page, asked):
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        for path in directory.pages:
            asked.clear()
            await page.goto(directory.address + path)
            assert asked[:1] == [directory.address + path]
            assert not [each for each in asked[1:] if not each.endswith("/favicon.ico")], "which browsers ask us for"
        assert await page.context.cookies() == []
        assert not [each for each in said if "Content Security Policy" in each]


async def test_no_page_is_wider_than_a_small_phone_and_all_can_be_tapped(
    directory: Directory, browser: Browser
) -> None:
    async with a_phone(browser, width=320) as (page, _):
        for path, code in product(directory.pages, spoken()):
            await page.goto(directory.address + in_language(path, code))
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320, (path, code)
            assert await page.evaluate(TOO_LOW) == [], (path, code)


async def test_the_search_works_with_a_keyboard_and_without_script(directory: Directory, browser: Browser) -> None:
    async with a_phone(browser, java_script_enabled=False) as (page, _):
        await page.goto(directory.address)
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        assert page.url.endswith("#main"), "the first thing a keyboard reaches leads past the top"
        await page.fill("#place", "SW17 7BU")
        await page.select_option("#language", "so")
        await page.press("#place", "Enter")
        await page.wait_for_url("**/directory?place=SW17&language=so")
        assert await page.locator("article h2").all_inner_texts() == ["Tea"]


async def test_a_leaflet_prints_on_one_sheet_of_a5(directory: Directory, browser: Browser) -> None:
    async with a_phone(browser) as (page, _):
        for code in spoken():
            await page.goto(directory.address + in_language(directory.leaflet, code))
            printed = await page.pdf(format="A5")
            assert len(SHEET.findall(printed)) == 1, code
