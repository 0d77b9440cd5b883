"""The gateway of a process, from its settings: one place for the service, the night, refreshers, commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import stamina.instrumentation

from platform_api.jlis.fields import JlisFields
from platform_api.jlis.gateway import Gateway
from platform_api.jlis.guard import Observer
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.settings import gateway_settings
from revocation.clock import Clock


@asynccontextmanager
async def open_gateway(
    settings: JlisFields, clock: Clock, *, observer: Observer | None = None
) -> AsyncIterator[HttpGateway]:
    """Open until the block ends. ``SetupRefused`` where no address is set, or a TLS file cannot be used.

    Its methods are for callers somebody waits for; work in batches asks ``for_batches(gateway)``.
    """
    # Its default is to print each retry, with arguments, to standard output, where our JSON line goes.
    stamina.instrumentation.set_on_retry_hooks(())
    made = await asyncio.to_thread(gateway_settings, settings)
    async with HttpGateway(made, clock, observer=observer) as gateway:
        yield gateway


def for_awaited_batches(gateway: Gateway) -> Gateway:
    """The same gateway for a request that asks about many: the share of batches, within a call's deadline."""
    return gateway.awaited_batches if isinstance(gateway, HttpGateway) else gateway


def for_batches(gateway: Gateway) -> Gateway:
    """The same gateway for work that nobody waits for: it leaves lines to interactive callers."""
    return gateway.batches if isinstance(gateway, HttpGateway) else gateway
