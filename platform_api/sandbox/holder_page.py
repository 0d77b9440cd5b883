"""GET and POST /app/sign: a person reads what he signs, takes card or phone, types the PIN, signs or does
not.

Rendered here, without a script and without anything from elsewhere; the browser goes back to the announced
address.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from platform_api.sandbox import holder_texts
from platform_api.sandbox.holder_app import KINDS, MOST_WRONG_PINS, PIN, REQUESTS, Pending, sign
from platform_api.sandbox.refusals import RequestRefused

_FOLDER: Final = Path(__file__).parent / "templates"
#: The refusals that the page has a sentence for; anything else is one sentence.
_SENTENCES: Final = frozenset(("NO_SUCH_RESIDENT", "NO_VALID_CARD"))


@dataclass(frozen=True, slots=True)
class _Files:
    """Template and style, read once."""

    page: Template
    style: Markup
    style_hash: str


@cache
def _files() -> _Files:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    style = (_FOLDER / "holder.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _Files(environment.get_template("holder.html"), Markup(style), digest)  # noqa: S704 - a file of ours


async def _read(_: web.Application) -> None:
    await asyncio.to_thread(_files)


def add_routes(app: web.Application) -> None:
    app.on_startup.append(_read)
    app.router.add_get("/app/sign", get_page)
    app.router.add_post("/app/sign", post_page)


async def get_page(request: web.Request) -> web.Response:
    try:
        pending = request.app[REQUESTS].find(request.query.get("request", ""))
    except RequestRefused as refusal:
        return _gone(request, refusal)
    return _page(pending, _language(request, pending))


async def post_page(request: web.Request) -> web.Response:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise RequestRefused(
            403, "OTHER_SITE", "expected a form of this very page; open it and send it there"
        )
    form = await request.post()
    requests = request.app[REQUESTS]
    try:
        pending = requests.find(str(form.get("request", "")))
    except RequestRefused as refusal:
        return _gone(request, refusal)
    language = _language(request, pending)
    if form.get("act") != "sign":
        requests.end(pending)
        return _back(pending.back(error="access_denied"))
    person, kind = str(form.get("person", "")).strip(), str(form.get("kind", ""))
    if kind not in KINDS:
        return _page(pending, language, form, wrong="kind")
    if not hmac.compare_digest(str(form.get("pin", "")).encode(), PIN.encode()):
        pending.wrong_pins += 1
        if pending.wrong_pins >= MOST_WRONG_PINS:
            requests.end(pending)
            return _back(pending.back(error="pin_locked"))
        return _page(pending, language, form, wrong="pin")
    try:
        signed = await sign(request, pending, person, kind)
    except RequestRefused as refusal:
        return _page(pending, language, form, wrong=refusal.code if refusal.code in _SENTENCES else "other")
    return _back(pending.back(code=requests.done(pending, signed)))


def _page(
    pending: Pending, language: str, form: Mapping[str, Any] | None = None, *, wrong: str | None = None
) -> web.Response:
    given = form or {}
    text = _files().page.render(
        t=holder_texts.of(language),
        language=language,
        other="en" if language == "ja" else "ja",
        style=_files().style,
        gone=False,
        request_id=pending.request_id,
        application=pending.application,
        document=pending.octets.decode("utf-8"),
        wrong=wrong,
        left=MOST_WRONG_PINS - pending.wrong_pins,
        person=str(given.get("person", "")),
        kind=str(given.get("kind", KINDS[0])),
        kinds=KINDS,
        pin=PIN,
    )
    return _response(text, 200 if wrong is None else 422, form_action=f"'self' {pending.origin}")


def _gone(request: web.Request, refusal: RequestRefused) -> web.Response:
    language = "en" if request.query.get("lang") == "en" else "ja"
    text = _files().page.render(
        t=holder_texts.of(language),
        language=language,
        other="",
        style=_files().style,
        gone=True,
    )
    return _response(text, refusal.status, form_action="'none'")


def _language(request: web.Request, pending: Pending) -> str:
    given = request.query.get("lang")
    return given if given in ("ja", "en") else pending.language


def _response(text: str, status: int, *, form_action: str) -> web.Response:
    response = web.Response(status=status, text=text, content_type="text/html", charset="utf-8")
    response.headers.update(
        {
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_files().style_hash}'; "
            f"form-action {form_action}; base-uri 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
        }
    )
    return response


def _back(url: str) -> web.Response:
    return web.Response(
        status=303, headers={"Location": url, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
    )
