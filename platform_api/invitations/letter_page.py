"""The customer's page: GET /c/{token}, its two answers, and the way back from the app that signs.

Outside /v1 and without an API key: the letter's token is what opens it. Everything works without JavaScript.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from aiohttp import web

from platform_api.changes.model import NoticeType
from platform_api.changes.store import Notice, announce
from platform_api.consents import store as consents
from platform_api.db.transactions import tenant
from platform_api.deliveries.queue import has_key
from platform_api.invitations import application_store, store, text_store
from platform_api.invitations import letter_view as view
from platform_api.invitations.creating import application_of
from platform_api.invitations.departing import LEAVE_WITHIN, depart, returned
from platform_api.invitations.ending import end_all
from platform_api.invitations.explanation import TEMPLATE, own_version
from platform_api.invitations.letter_found import GUARD, Ends, Letter, find_letter, hashes_of, may_try, missed
from platform_api.invitations.letter_guard import LetterGuard
from platform_api.invitations.letter_request import (
    COOKIE,
    COOKIE_PATH,
    Browser,
    form_of,
    language_given,
)
from platform_api.invitations.letter_texts import NOTICES
from platform_api.invitations.letter_view import Question
from platform_api.invitations.model import Act, InvitationState
from platform_api.keys import HOLDER_APPS, PAGE_OF_PROBLEM, POOL, SETTINGS
from platform_api.problems import Problem

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_routes(app: web.Application) -> None:
    """Four addresses; HEAD opens no letter."""
    app.on_startup.append(view.read_files)
    app[GUARD] = LetterGuard(app[SETTINGS].letter_misses_per_minute)
    app.router.add_get("/c/{token}", _paged(show), allow_head=False)
    app.router.add_post("/c/{token}/agree", _paged(agree))
    app.router.add_post("/c/{token}/decline", _paged(decline))
    app.router.add_get("/c/callback/{holder_app}", _paged(come_back), allow_head=False)


async def show(request: web.Request) -> web.StreamResponse:
    """The question, or the calm page of a letter that asks nothing any more."""
    letter = await find_letter(request)
    if letter.asking is None or not (letter.may_answer or letter.ended):
        return view.closed(letter.asking, letter.path, letter.language)
    if letter.ended:
        end = await _end_of(request, letter)
        if end is None:
            return view.refused(letter.asking, letter.path, letter.language)
        signed = letter.invitation.consent_id is not None
        return view.ended(end, letter.asking, letter.path, letter.language, signed=signed)
    if letter.invitation.state is InvitationState.CREATED:
        async with tenant(request.config_dict[POOL], letter.institution_id) as connection:
            await store.mark_opened(connection, letter.invitation.invitation_id, letter.now)
    notice = request.query.get("notice", "")
    errors = [notice] if notice in NOTICES else []
    if letter.invitation.state is InvitationState.SIGNED and not errors:
        errors = ["later"]
    return await _ask(request, letter, errors)


async def _end_of(request: web.Request, letter: Letter) -> InvitationState | None:
    """How it ended for the customer: complete once J-LIS has the consent; None where J-LIS refused it."""
    state = letter.invitation.state_at(letter.now)
    if state is not InvitationState.CONFIRMED:
        return state
    async with tenant(request.config_dict[POOL], letter.institution_id) as connection:
        consent = await application_store.state_of(connection, letter.invitation.application_number)
    if consent == "REFUSED":
        return None
    return InvitationState.PENDING if consent in (None, "RECEIVED", "SENT") else state


async def agree(request: web.Request) -> web.StreamResponse:
    """Only with every required explanation confirmed as read, and of the very text that was shown."""
    letter = await find_letter(request)
    if letter.ended or not letter.may_answer:
        return _back(letter)
    form = await form_of(request)
    app = request.config_dict
    issued = await _issued(request, letter)
    errors = []
    if form.get("text_version") != issued.text_version or not hashes_of(request).form_holds(
        letter.invitation.invitation_id, form.get("form", ""), letter.now
    ):
        errors.append("form")
    else:
        if form.get("read") != "yes":
            errors.append("read")
        if form.get("app", "") not in _usable(request):
            errors.append("app")
    if errors:
        return await _ask(request, letter, errors, read=form.get("read") == "yes", status=422)
    if not await _can_be_told(request, letter):
        return view.closed(letter.asking, letter.path, letter.language)
    holder_app = app[HOLDER_APPS][form["app"]]
    if letter.asking is None:
        raise AssertionError("expected who asks of a letter that may be answered, got nobody")
    octets = application_of(issued, letter.institution_id, letter.asking.service_code)
    departure = await depart(request, letter, holder_app, octets)
    if departure is None:
        return await _ask(request, letter, ["app_failed"], read=True, status=503)
    url, browser = departure
    response = _see_other(url)
    response.set_cookie(
        COOKIE,
        browser.value(),
        max_age=int(LEAVE_WITHIN.total_seconds()),
        path=COOKIE_PATH,
        httponly=True,
        samesite="Lax",  # the app sends the browser back from another site
        secure=_by_tls(request),
    )
    return response


async def _can_be_told(request: web.Request, letter: Letter) -> bool:
    """Is there a key to encrypt to? Asked before anybody enters a PIN. The known holder who signs again
    needs none.
    """
    if letter.invitation.state is InvitationState.SIGNED:
        return True
    async with tenant(request.config_dict[POOL], letter.institution_id) as connection:
        return await has_key(connection, letter.institution_id)


async def decline(request: web.Request) -> web.StreamResponse:
    """One press, no signature, no second question; also after the holder signed, until J-LIS has answered."""
    letter = await find_letter(request)
    form = await form_of(request)
    if letter.ended or not letter.may_answer:
        return _back(letter)
    if not hashes_of(request).form_holds(letter.invitation.invitation_id, form.get("form", ""), letter.now):
        return await _ask(request, letter, ["form"], status=422)
    async with tenant(request.config_dict[POOL], letter.institution_id) as connection:
        found = await store.find(connection, letter.invitation.invitation_id, lock=True)
        if found is not None and found.after(Act.DECLINE, letter.now) is not None:
            end = (found, InvitationState.DECLINED)
            notices = await end_all(connection, letter.institution_id, [end], letter.now)
            notice = Notice(
                NoticeType.INVITATION_DECLINED,
                registration_id=found.registration_id,
                invitation_id=found.invitation_id,
            )
            await announce(connection, letter.institution_id, [*notices, notice], letter.now)
    return _back(letter)


async def come_back(request: web.Request) -> web.StreamResponse:
    """The browser returns with a state parameter and a code, or with an error; then on to the letter."""
    browser = Browser.of(request)
    if not may_try(request):
        return view.nothing("busy", language_given(request), 429)
    notice = await returned(request, browser, request.match_info["holder_app"])
    if browser is None:
        missed(request)
        return view.nothing("unknown", language_given(request), 404)
    query = {"lang": browser.language} | ({} if notice is None else {"notice": notice})
    response = _see_other(f"/c/{browser.token}?{urlencode(query)}")
    response.del_cookie(COOKIE, path=COOKIE_PATH, httponly=True, samesite="Lax", secure=_by_tls(request))
    return response


async def _issued(request: web.Request, letter: Letter) -> consents.IssuedApplication:
    async with tenant(request.config_dict[POOL], letter.institution_id) as connection:
        issued = await consents.find_application(connection, letter.invitation.application_number)
    if issued is None:
        raise AssertionError("expected the application of an invitation (0008), got none")
    return issued


async def _ask(
    request: web.Request, letter: Letter, errors: list[str], *, read: bool = False, status: int = 200
) -> web.Response:
    if letter.asking is None:
        raise AssertionError("expected who asks of a letter that may be answered, got nobody")
    issued = await _issued(request, letter)
    version = own_version(issued.text_version)
    explanation = TEMPLATE
    if version:
        async with tenant(request.config_dict[POOL], letter.institution_id) as connection:
            own = await text_store.of_version(connection, letter.invitation.service_id, version)
        if own is None:
            raise AssertionError("expected the text that the application names, got none")
        explanation = own
    usable = _usable(request)
    apps = request.config_dict[HOLDER_APPS]
    question = Question(
        asking=letter.asking,
        issued=issued,
        explanation=explanation,
        expires_at=letter.invitation.expires_at,
        path=letter.path,
        form=hashes_of(request).form(letter.invitation.invitation_id, letter.now),
        apps=usable,
        origins=[apps[name].origin for name in usable],
    )
    return view.ask(question, letter.language, errors=errors, read=read, status=status)


def _by_tls(request: web.Request) -> bool:
    return (request.config_dict[SETTINGS].public_url or "").startswith("https:")


def _usable(request: web.Request) -> list[str]:
    return [name for name, app in request.config_dict[HOLDER_APPS].items() if app.usable]


def _back(letter: Letter) -> web.Response:
    """To the page of the letter as it stands (RFC 9110 section 15.4.4: a form that is not sent again)."""
    return _see_other(f"{letter.path}?lang={letter.language}")


def _see_other(url: str) -> web.Response:
    return view.guarded(web.Response(status=303, headers={"Location": url}))


def _paged(handler: _Handler) -> _Handler:
    """Customers get pages: also where something fails, and then with the log's usual line."""

    async def handle(request: web.Request) -> web.StreamResponse:
        def page(problem: Problem) -> web.Response:
            name = "busy" if problem.status == 429 else "unknown" if problem.status == 404 else "failed"
            return view.nothing(name, language_given(request), problem.status)

        request[PAGE_OF_PROBLEM] = page
        try:
            return await handler(request)
        except Ends as ended:
            return ended.response

    return handle
