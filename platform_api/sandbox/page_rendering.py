"""How the population pages are rendered: templates, headers, language, and what an address may say.

No script and nothing from elsewhere (Content-Security-Policy); everything is escaped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import DictLoader, Environment, StrictUndefined

from platform_api.sandbox import page_texts
from platform_api.sandbox.dates import JST, parse_instant
from platform_api.sandbox.page_texts import Language
from platform_api.sandbox.refusals import RequestRefused

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_FOLDER: Final = Path(__file__).with_name("templates")
_TEMPLATES: Final = web.AppKey("templates", Environment)
_STYLE: Final = web.AppKey("style", str)
#: Our last sentence for each code: an address carries a code only, and nobody writes on the page with it.
_SENTENCES: Final = web.AppKey("sentences", dict[str, str])


def prepare(app: web.Application) -> None:
    """What the pages need; templates are read when the application starts."""
    app[_SENTENCES] = {}
    app.on_startup.append(_load)


async def get_style(request: web.Request) -> web.Response:
    return web.Response(
        text=request.app[_STYLE], content_type="text/css", headers={"X-Content-Type-Options": "nosniff"}
    )


def refused_at(request: web.Request, where: str, language: Language, refusal: RequestRefused) -> str:
    request.app[_SENTENCES][refusal.code] = refusal.message
    return address_of(where, language, refused=refusal.code)


def address_of(where: str, language: Language, **said: str) -> str:
    return f"{where}?{urlencode({'lang': language, **said})}"


def language_of(said: Mapping[str, Any]) -> Language:
    return "en" if said.get("lang") == "en" else "ja"


def shown(moment: datetime) -> str:
    return moment.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S JST")


def shown_instant(instant: str) -> str:
    return shown(parse_instant(instant)).removesuffix(" JST")


def page(request: web.Request, template: str, **values: Any) -> web.Response:
    language = language_of(request.query)
    other: Language = "en" if language == "ja" else "ja"
    told = {"done": "done", "listed": "listed_tomorrow"}.get(request.query.get("told", ""))
    sentence = request.app[_SENTENCES].get(request.query.get("refused", ""), "")
    values["refused"] = values.get("refused") or sentence
    text = (
        request.app[_TEMPLATES]
        .get_template(template)
        .render(
            **values,
            language=language,
            other_language=other,
            other_language_url=f"{request.path}?{urlencode({**request.query, 'lang': other})}",
            told="" if told is None else page_texts.text(told, language),
            t=lambda key: page_texts.text(key, language),
            w=lambda key: page_texts.word(key, language),
            e=lambda key: page_texts.event(key, language),
            r=lambda code: page_texts.reason(code, language),
            jst=shown_instant,
        )
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8", headers=HEADERS)


def _read() -> tuple[Environment, str]:
    """All templates, compiled, and the style: read once, at the start."""
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.html"))}
    environment = Environment(
        loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    for name in sources:
        environment.get_template(name)
    return environment, (_FOLDER / "people.css").read_text(encoding="utf-8")


async def _load(app: web.Application) -> None:
    app[_TEMPLATES], app[_STYLE] = await asyncio.to_thread(_read)
