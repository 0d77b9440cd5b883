"""A Chromium of this machine, a service, and the sandbox's signing page, all on loopback."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer, unused_port

from platform_api.config import Settings
from platform_api.holder_apps.sandbox import SandboxApp
from platform_api.keys import HOLDER_APPS, SETTINGS
from tests.base.postgres import TestInstitution
from tests.browser.cards_as_world import CardWorld, Holder, signing_app
from tests.features.cards import make_card
from tests.features.conftest import jlis, world
from tests.features.delivering import put_key
from tests.features.gateways import FakeJlis
from tests.features.service import Service, serving
from tests.features.world import World
from tests.revocation import sets

__all__ = ["jlis", "world"]

CHROMIUM = Path("/usr/bin/chromium")
#: Without the last five it asks hosts on the internet at its start.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = None
    try:
        import playwright.async_api  # noqa: F401
    except ImportError:
        missing = "playwright is not installed: make test-browser installs it"
    if not CHROMIUM.exists():
        missing = f"no {CHROMIUM}: apt install chromium fonts-ipafont-gothic"
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(180))
            if missing is not None:
                item.add_marker(pytest.mark.skip(reason=missing))


@dataclass
class Site:
    """Everything on loopback; the browser may go to these two origins and nowhere else."""

    service: Service
    public: str
    signing: str
    shots: Path
    people: dict[str, Holder]
    elsewhere: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    async def shoot(self, page: Any, name: str) -> None:
        """A picture of the whole page; where JPKI_SCREENSHOTS says, or in the test's own folder."""
        await page.screenshot(path=str(self.shots / f"{name}.png"), full_page=True)


@pytest.fixture
async def site(
    world: World, jlis: FakeJlis, institution: TestInstitution, tmp_path: Path
) -> AsyncIterator[Site]:
    """A service after its first night; r-000001 has a card and a phone, r-000002 a card, r-000003 a
    revoked one.
    """
    people = {
        "r-000001": Holder(1, {"card-sign": make_card(sets.ca()), "mobile-sign": make_card(sets.ca())}),
        "r-000002": Holder(2, {"card-sign": make_card(sets.ca())}),
        "r-000003": Holder(3, {"card-sign": make_card(sets.ca())}),
    }
    await world.day({people["r-000003"].cards["card-sign"].serial: 3})
    shots = Path(os.environ.get("JPKI_SCREENSHOTS", tmp_path / "shots"))
    await asyncio.to_thread(shots.mkdir, parents=True, exist_ok=True)
    app = signing_app(CardWorld(world.clock, people))
    async with TestServer(app) as signing:
        address = str(signing.make_url("")).rstrip("/")
        async with SandboxApp(address) as holder_app:
            port = unused_port()
            public = f"http://127.0.0.1:{port}"
            settings = await asyncio.to_thread(Settings, mode="sandbox", public_url=public)
            state: dict[Any, Any] = {SETTINGS: settings, HOLDER_APPS: {"sandbox": holder_app}}
            async with serving(world, jlis, state=state, port=port) as service:
                await put_key(service, institution)
                yield Site(service, public, address, shots, people)


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=list(FLAGS), chromium_sandbox=False
        )
        yield launched
        await launched.close()


@pytest.fixture(params=["phone", "desk"])
def screen(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def open_page(browser: Any, site: Site, screen: str, **options: Any) -> Any:
    """A page of a new profile, whose every request and every violation of a policy is written down."""
    context = await browser.new_context(
        viewport=PHONE if screen == "phone" else DESK,
        device_scale_factor=2 if screen == "phone" else 1,
        has_touch=screen == "phone",
        is_mobile=screen == "phone",
        reduced_motion="reduce",
        locale="ja-JP",
        **options,
    )
    page = await context.new_page()

    def requested(request: Any) -> None:
        if not request.url.startswith((f"{site.public}/", f"{site.signing}/")):
            site.elsewhere.append(request.url)

    def said(message: Any) -> None:
        if re.search("Content Security Policy|Refused to", message.text):
            site.violations.append(message.text)

    page.on("request", requested)
    page.on("console", said)
    return page
