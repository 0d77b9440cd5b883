"""The customer's page as HTML: templates, style and script are read once; the policy names their hashes.

No resource from anywhere, nothing in an attribute that would run, nothing kept by a cache, no address
passed on.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from platform_api.consents.model import JST
from platform_api.consents.store import IssuedApplication
from platform_api.invitations.explanation import Explanation
from platform_api.invitations.letter_texts import LANGUAGES, TEXTS
from platform_api.invitations.model import InvitationState
from platform_api.invitations.store import Asking

_FOLDER: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class _Files:
    """Templates, style and script, read once, and the hashes that the policy names."""

    ask: Template
    calm: Template
    style: Markup
    script: Markup
    style_hash: str
    script_hash: str


@cache
def _files() -> _Files:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        auto_reload=False,
    )
    environment.get_template("base.html")
    style = (_FOLDER / "letter.css").read_text(encoding="utf-8")
    script = (_FOLDER / "letter.js").read_text(encoding="utf-8")
    return _Files(
        ask=environment.get_template("ask.html"),
        calm=environment.get_template("calm.html"),
        style=Markup(style),  # noqa: S704 - a file of ours
        script=Markup(script),  # noqa: S704 - a file of ours
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


async def read_files(_: web.Application) -> None:
    """Before the first request: a request reads no file."""
    await asyncio.to_thread(_files)


#: How each state that asks nothing reads, and its HTTP status.
_ENDS: Final[dict[InvitationState, tuple[str, int]]] = {
    InvitationState.PENDING: ("pending", 200),
    InvitationState.CONFIRMED: ("confirmed", 200),
    InvitationState.REJECTED: ("rejected", 410),
    InvitationState.DECLINED: ("declined", 200),
    InvitationState.EXPIRED: ("expired", 410),
    InvitationState.CANCELLED: ("cancelled", 410),
}
_ENDS_WITHOUT_CONSENT: Final = frozenset(
    (InvitationState.DECLINED, InvitationState.EXPIRED, InvitationState.CANCELLED)
)


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """What the page asks: exactly what the application says that is signed afterwards."""

    asking: Asking
    issued: IssuedApplication
    explanation: Explanation
    expires_at: datetime
    path: str
    form: str
    #: Names of the apps that can be used, and where the browser may be sent.
    apps: Sequence[str]
    origins: Sequence[str]


@dataclass(frozen=True, slots=True)
class Trouble:
    """One sentence above the question; ``field`` is the id of what it is about."""

    text: str
    field: str | None = None


def ask(
    question: Question, language: str, *, errors: Sequence[str] = (), read: bool = False, status: int = 200
) -> web.Response:
    """The question, with what was wrong with the last answer."""
    clauses, clauses_language = question.explanation.clauses(language)
    fields = {"read": "read", "app": "app"}
    return _response(
        _files().ask.render(
            **_frame(language, question.path, question.asking.institution_name),
            script=_files().script,
            service=question.asking.service_name,
            items=question.issued.items,
            text_version=question.issued.text_version,
            template=question.explanation.is_template,
            clauses=clauses,
            clauses_language=clauses_language,
            answer_by=_time(question.expires_at, language),
            answer_by_iso=question.expires_at.isoformat(),
            path=question.path,
            form=question.form,
            apps=question.apps,
            read=read,
            wrong={name for name in errors if name in fields},
            errors=[Trouble(_trouble(name, language), fields.get(name)) for name in errors],
        ),
        language,
        status,
        origins=question.origins,
        scripted=True,
    )


def ended(
    state: InvitationState, asking: Asking, path: str, language: str, *, signed: bool = False
) -> web.Response:
    """A calm page about a letter that asks nothing any more.

    ``signed``: it was signed before it ended; J-LIS may have that consent, which we do not use.
    """
    name, status = _ENDS[state]
    return _calm(
        name, language, status, path=path, asking=asking, stopped=signed and state in _ENDS_WITHOUT_CONSENT
    )


def refused(asking: Asking, path: str, language: str) -> web.Response:
    """J-LIS said no: there is no consent, whatever the institution decided."""
    return _calm("refused", language, 200, path=path, asking=asking)


def closed(asking: Asking | None, path: str, language: str) -> web.Response:
    """The institution may not ask at present."""
    return _calm("closed", language, 410, path=path, asking=asking)


def nothing(name: str, language: str, status: int) -> web.Response:
    """A page that knows no letter: unknown, busy, failed."""
    return _calm(name, language, status, path=None, asking=None)


def _calm(
    name: str, language: str, status: int, *, path: str | None, asking: Asking | None, stopped: bool = False
) -> web.Response:
    texts = TEXTS[language]
    return _response(
        _files().calm.render(
            **_frame(language, path, None if asking is None else asking.institution_name),
            title=texts[f"title_{name}"],
            text=texts[f"text_{name}"],
            more=texts["text_stopped"] if stopped else None,
            service=None if asking is None else asking.service_name,
        ),
        language,
        status,
    )


def _frame(language: str, path: str | None, institution: str | None) -> dict[str, Any]:
    other = LANGUAGES[1 - LANGUAGES.index(language)]
    return {
        "t": TEXTS[language],
        "language": language,
        "other": other,
        "switch": None if path is None else f"{quote(path)}?lang={other}",
        "style": _files().style,
        "institution": institution,
    }


def _trouble(name: str, language: str) -> str:
    texts = TEXTS[language]
    return texts["notice_later"] if name == "later" else texts[f"error_{name}"]


def _time(at: datetime, language: str) -> str:
    """To the minute, in Japan's time."""
    local = at.astimezone(JST)
    if language == "ja":
        return f"{local.year}年{local.month}月{local.day}日 {local.hour}時{local.minute:02d}分"
    return f"{local.day} {local:%B %Y}, {local:%H:%M} (Japan time)"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _policy(origins: Sequence[str], *, scripted: bool) -> str:
    """Content Security Policy Level 3. Browsers follow form-action through redirects: the apps' origins
    too.
    """
    parts = [
        "default-src 'none'",
        f"style-src {_files().style_hash}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if scripted:
        parts.append(f"script-src {_files().script_hash}")
        parts.append(f"form-action 'self' {' '.join(origins)}".strip())
    else:
        parts.append("form-action 'none'")
    return "; ".join(parts)


def _response(
    text: str, language: str, status: int, *, origins: Sequence[str] = (), scripted: bool = False
) -> web.Response:
    response = web.Response(status=status, text=text, content_type="text/html", charset="utf-8")
    response.headers.update(
        {
            "Content-Language": language,
            "Content-Security-Policy": _policy(origins, scripted=scripted),
        }
    )
    return guarded(response)


def guarded(response: web.Response) -> web.Response:
    """What every answer under /c says, pages and redirects alike."""
    response.headers.update(
        {
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Frame-Options": "DENY",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex, nofollow",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        }
    )
    return response
