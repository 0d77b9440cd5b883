"""Which apps this server sends customers to, by its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from aiohttp import web

from platform_api.holder_apps.sandbox import SandboxApp
from platform_api.holder_apps.under_contract import (
    DigitalAuthSettings,
    MynaportalSettings,
    digital_auth,
    mynaportal,
)
from platform_api.keys import HOLDER_APPS, SETTINGS

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.holder_apps.port import HolderApp


async def holder_apps(app: web.Application) -> AsyncIterator[None]:
    """In the order in which the page offers them."""
    settings = app[SETTINGS]
    async with AsyncExitStack() as stack:
        found: list[HolderApp] = []
        if settings.mode == "sandbox" and settings.sandbox_url is not None:
            found.append(
                await stack.enter_async_context(
                    SandboxApp(settings.sandbox_url, browser_url=settings.sandbox_app_url)
                )
            )
        found.extend(ports_under_contract(settings))
        app[HOLDER_APPS] = {one.name: one for one in found}
        yield


def ports_under_contract(settings: Settings) -> list[HolderApp]:
    """Those that have an address; none of them can be used yet."""
    found: list[HolderApp] = []
    if settings.mynaportal_url is not None:
        found.append(mynaportal(MynaportalSettings(settings.mynaportal_url, settings.mynaportal_client_id)))
    if settings.digital_auth_issuer is not None:
        found.append(
            digital_auth(
                DigitalAuthSettings(
                    settings.digital_auth_issuer,
                    settings.digital_auth_client_id,
                    settings.digital_auth_acr_values,
                    settings.digital_auth_scope,
                )
            )
        )
    return found
