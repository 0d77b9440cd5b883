"""The way to the sandbox's people, in sandbox mode with an address of one; nothing otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import aiohttp
from aiohttp import web

from platform_api.keys import SETTINGS
from platform_api.test_people.sandbox import SandboxPeople

PEOPLE: Final[web.AppKey[SandboxPeople]] = web.AppKey("test_people", SandboxPeople)
_CONNECTIONS: Final = 8


async def test_people(app: web.Application) -> AsyncIterator[None]:
    """Opens one session for it; a cleanup context of the application."""
    settings = app[SETTINGS]
    if settings.mode != "sandbox" or settings.sandbox_url is None:
        yield
        return
    session = aiohttp.ClientSession(
        # Each call has its own deadline.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
    async with session:
        app[PEOPLE] = SandboxPeople(session, settings.sandbox_url)
        yield


test_people.__test__ = False  # type: ignore[attr-defined]
