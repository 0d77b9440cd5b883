"""The ``ConsentReceiver`` of a request, put together from the application's typed keys."""

from __future__ import annotations

from aiohttp import web

from platform_api.consents.receiving import ConsentReceiver
from platform_api.jlis.presence import gateway_of
from platform_api.keys import POOL, RECEIPTS
from platform_api.operations import principal_of
from platform_api.registrations.context import watcher_of


def receiver_of(request: web.Request) -> ConsentReceiver:
    """Everybody who takes a consent in gets it here."""
    return ConsentReceiver(
        request.config_dict[POOL],
        watcher_of(request),
        gateway_of(request),
        principal_of(request),
        request.config_dict[RECEIPTS],
    )
