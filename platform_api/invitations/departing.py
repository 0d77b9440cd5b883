"""To the app that signs, and back: one state parameter, one browser, one code, each of them once."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from platform_api.consents.accept import UNDETERMINED
from platform_api.consents.receiving import ConsentReceiver
from platform_api.db.transactions import tenant
from platform_api.holder_apps.port import HolderApp, HolderAppFailed, SigningRequest
from platform_api.invitations import signing_store, store
from platform_api.invitations.letter_request import Browser
from platform_api.invitations.signing import Completing, Result
from platform_api.invitations.tokens import LetterHashes, new_token, well_formed
from platform_api.jlis.presence import gateway_of
from platform_api.keys import CLOCK, HOLDER_APPS, KEY_HASHER, LOG, POOL, RECEIPTS, SEALER, SETTINGS
from platform_api.logs import failure
from platform_api.problems import Problem
from platform_api.registrations.context import watcher_of

if TYPE_CHECKING:
    from uuid import UUID

    from aiohttp import web

    from platform_api.institutions.model import Principal
    from platform_api.invitations.letter_found import Letter

#: In which a holder may sign: from 同意する to the way back.
LEAVE_WITHIN: Final = timedelta(minutes=20)
_TICKET_COLUMN: Final = "invitation_signing.ticket"
_MOST_CODE: Final = 512
#: What an app says of why nothing was signed (RFC 6749 section 4.1.2.1 for access_denied).
_ERRORS: Final = {"access_denied": "cancelled", "pin_locked": "pin"}


async def depart(
    request: web.Request, letter: Letter, holder_app: HolderApp, octets: bytes
) -> tuple[str, Browser] | None:
    """Where to send the browser and the cookie it takes along; None where the app does not answer."""
    app = request.config_dict
    hashes = LetterHashes(app[KEY_HASHER])
    state, browser = new_token(), Browser(letter.token, new_token(), letter.language)
    signing = SigningRequest(
        state=state,
        application=octets,
        return_url=f"{(app[SETTINGS].public_url or '').rstrip('/')}/c/callback/{holder_app.name}",
        language=letter.language,
    )
    try:
        departure = await holder_app.start(signing)
    except HolderAppFailed as failed:
        app[LOG].warning("component.failed", component="holder_app", **failure(failed))
        return None
    invitation_id = letter.invitation.invitation_id
    async with tenant(app[POOL], letter.institution_id) as connection:
        sealed = await app[SEALER].seal(
            connection, letter.institution_id, _TICKET_COLUMN, invitation_id, departure.ticket.encode()
        )
        await store.mark_read(connection, invitation_id, letter.now)
        await signing_store.insert(
            connection,
            state_hash=hashes.state(state),
            institution_id=letter.institution_id,
            invitation_id=invitation_id,
            browser_hash=hashes.browser(browser.mark),
            holder_app=holder_app.name,
            ticket=sealed.data,
            created_at=letter.now,
            expires_at=letter.now + LEAVE_WITHIN,
        )
    return departure.url, browser


async def returned(request: web.Request, browser: Browser | None, name: str) -> str | None:
    """A notice for the customer, or None where the letter's own page says how it went."""
    app = request.config_dict
    hashes = LetterHashes(app[KEY_HASHER])
    state = request.query.get("state", "")
    attempt = await signing_store.find(app[POOL], hashes.state(state)) if well_formed(state) else None
    if attempt is None or attempt.holder_app != name or name not in app[HOLDER_APPS]:
        return "again"
    if browser is None or not hmac.compare_digest(hashes.browser(browser.mark), attempt.browser_hash):
        # Another browser than the one that left: whoever began cannot be told from who signed.
        return "browser"
    async with tenant(app[POOL], attempt.institution_id) as connection:
        if not await signing_store.use(connection, hashes.state(state), app[CLOCK].now()):
            return "again"
        if attempt.ticket is None:
            return "again"
        ticket = await app[SEALER].unseal(
            connection, attempt.institution_id, _TICKET_COLUMN, attempt.invitation_id, attempt.ticket
        )
    code = request.query.get("code", "")
    if not 1 <= len(code) <= _MOST_CODE:
        return _ERRORS.get(request.query.get("error", ""), "again")
    return await _finish(
        request, app[HOLDER_APPS][name], ticket.decode(), code, attempt.institution_id, attempt.invitation_id
    )


async def _finish(
    request: web.Request,
    holder_app: HolderApp,
    ticket: str,
    code: str,
    institution_id: UUID,
    invitation_id: UUID,
) -> str | None:
    app = request.config_dict
    try:
        signed = await holder_app.finish(ticket, code)
    except HolderAppFailed as failed:
        app[LOG].warning("component.failed", component="holder_app", **failure(failed))
        return "app_failed"
    watcher = watcher_of(request)

    def receiver_for(principal: Principal) -> ConsentReceiver:
        return ConsentReceiver(app[POOL], watcher, gateway_of(request), principal, app[RECEIPTS])

    completing = Completing(app[POOL], watcher, receiver_for, LetterHashes(app[KEY_HASHER]))
    try:
        result = await completing.complete(institution_id, invitation_id, signed)
    except Problem as problem:
        if problem.status >= 500 and problem.code != UNDETERMINED:
            raise
        app[LOG].warning("letter.refused", institution_id=institution_id, code=problem.code)
        return _notice_of(problem)
    app[LOG].info("letter.signed", institution_id=institution_id, code=result.name)
    return "later" if result is Result.LATER else None


def _notice_of(problem: Problem) -> str | None:
    if problem.code == "INVITATION_ENDED":
        return None  # the page says how it ended
    if problem.code == UNDETERMINED:
        return "undetermined"  # no word against the card: the letter waits
    if problem.code in ("CONSENT_CERTIFICATE_NOT_GOOD", "CONSENT_KIND", "ISSUER_UNKNOWN"):
        return "certificate"
    return "refused"
