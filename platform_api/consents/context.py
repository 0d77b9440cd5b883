"""What the consents' handlers need of a request, put together from the application's typed keys."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from platform_api.consents import store, withdrawal_store
from platform_api.consents.bodies import ConsentBody, consent_body
from platform_api.consents.receiving import ConsentReceiver
from platform_api.consents.withdrawing import ConsentWithdrawer
from platform_api.db.transactions import one_moment
from platform_api.jlis.presence import gateway_of
from platform_api.keys import CLOCK, JLIS, POOL, RECEIPTS
from platform_api.operations import principal_of
from platform_api.problems import not_found
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


def withdrawer_of(request: web.Request) -> ConsentWithdrawer:
    """A withdrawal ends our fetching also where there is no gateway."""
    app = request.config_dict
    return ConsentWithdrawer(app[POOL], watcher_of(request), app.get(JLIS), principal_of(request))


async def body_of(request: web.Request, consent_id: UUID) -> ConsentBody:
    """The consent as it stands, as an answer; 404 where there is none for this caller."""
    app = request.config_dict
    async with one_moment(app[POOL], principal_of(request).institution_id) as connection:
        consent = await store.find(connection, consent_id)
        withdrawal = await withdrawal_store.find(connection, consent_id)
    if consent is None:
        raise not_found()
    return consent_body(consent, withdrawal, app[CLOCK].now())
